"""An execution contract that changes a Git repository: propose, check, approve, commit, summarize."""
