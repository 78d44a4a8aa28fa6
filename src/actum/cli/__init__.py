"""The command line: `actum COMMAND`. Each command lives in a module of its group, imported when it is used."""
