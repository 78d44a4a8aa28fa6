"""`python -m actum.cli`: the program `actum` where no script is installed."""

from actum.cli.main import main

main()
