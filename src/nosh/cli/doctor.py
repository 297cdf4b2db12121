"""nosh doctor: what works on this machine, and what would mend the rest."""

import json
import shutil
import sys

from nosh.cli import context
from nosh.engines import run as running
from nosh.engines.engine import Available
from nosh.outside import clock
from nosh.report import text
from nosh.sources import aptconf, mirrors


def main(argv: list[str]) -> int:
    """Run the verb."""
    parser = context.parser("doctor", "Show what works on this machine.", example="nosh doctor")
    options = parser.parse_args(argv)
    ctx = context.context(options)
    rows = []
    for engine in running.engines(ctx.environment, ctx.state):
        answer = engine.available()
        if isinstance(answer, Available):
            rows.append((engine.name, "works", answer.version))
        else:
            rows.append((engine.name, "does not work", "; ".join(filter(None, (answer.reason, answer.hint)))))
    npm = shutil.which("npm", path=ctx.environment.get("PATH", ""))
    rows.append(("npm", "works" if npm else "fetched when needed", npm or "as a wheel, by pip"))
    mirror = mirrors.candidates(aptconf.sources(context.APT), now=clock.now())[0]
    rows.append(("packages", mirror.said_by, "from Debian's archive"))
    rows.append(("store", "in", str(ctx.store.root)))
    if options.format == "json":
        document = {
            "schema": "nosh/doctor/1",
            "checks": [{"name": name, "state": state, "detail": detail} for name, state, detail in rows],
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stdout.write(text.columns(rows))
    return 0
