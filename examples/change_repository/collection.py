"""Collects what a proposer may know: the last commit's log, findings and files."""

from __future__ import annotations

from .findings import list_findings
from .patches import scratch_copy
from .records import Context, SourceFile, Task
from .repository import find_top, identify, read_head, read_log, read_text

# A context is kept at a checkpoint: these bounds keep it well below the limit of one payload.
FINDINGS = 500
FILE_BYTES = 40_000
TOTAL_BYTES = 200_000


def collect(task: Task) -> Context:
    """Read the repository's last commit; uncommitted work is neither read nor touched.

    Raises NoRepository, NoCommits or ToolMissing.
    """
    top = find_top(task.repository)
    base = read_head(top)
    with scratch_copy(top, base) as root:
        findings = list_findings(root)
        texts = {path: read_text(root, path, FILE_BYTES) for path in {finding.path for finding in findings}}
    files, left_out, room = [], [], TOTAL_BYTES
    for path, text in sorted(texts.items()):
        if text is None or len(text.encode()) > room:
            left_out.append(path)
            continue
        room -= len(text.encode())
        files.append(SourceFile(path=path, text=text))
    return Context(
        task=task,
        repository=str(top),
        identity=identify(top),
        base=base,
        log=read_log(top, base),
        findings=findings[:FINDINGS],
        finding_count=len(findings),
        files=files,
        left_out=left_out[:FINDINGS],
    )
