"""The real launcher with one tiny service: `python -m tests.support.tiny_platform DATA PORT_BASE [KAFKA]`."""

import sys
from pathlib import Path

from services.operator import launcher
from services.operator.launch import Launch, ServiceSpec
from services.operator.words import say

TINY = ServiceSpec(name="tiny", module="tests.support.counted_service", port_offset=1)

if __name__ == "__main__":
    data, port_base = Path(sys.argv[1]), int(sys.argv[2])
    launch = Launch(
        data=data,
        port_base=port_base,
        kafka="real" if sys.argv[3:] == ["real"] else "embedded",
        services=(TINY,),
        public_url="http://localhost",
    )
    try:
        launcher.run(launch, say=say)
    except launcher.CannotStart as reason:
        sys.exit(str(reason))
