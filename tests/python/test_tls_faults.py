"""Nothing stays of TLS that failed."""

import os
import subprocess
import sys

import pytest

import bide
import tls_faults
from descriptors import open_descriptors

ROUNDS = 25
HERE = os.path.dirname(__file__)


@pytest.mark.parametrize("fault", tls_faults.FAULTS)
def test_tls_faults_leave_nothing_open(fault):
    async def main():
        await tls_faults.commit(fault)  # opens what the first one does
        before = len(open_descriptors())
        for _ in range(ROUNDS):
            await tls_faults.commit(fault)
        with bide.timeout(60):
            while len(open_descriptors()) != before:
                await bide.sleep(0.001)

    bide.run(main())


MEMORY = f"""
import sys
sys.path.insert(0, {HERE!r})
import leaks
import tls_faults

leaks.SCENARIOS = (tls_faults.all_faults,)
leaks.ON_REAL_TIME.add(tls_faults.all_faults)
leaks.ROUNDS, leaks.SLACK_BLOCKS = 5, 4
sys.exit(leaks.main([]))
"""


def test_tls_faults_leave_no_memory():
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True,
                          text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
