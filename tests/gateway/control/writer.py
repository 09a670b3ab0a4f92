"""A process that forks writers: each makes configs and keys until it is killed, and notes what was acknowledged.

Told `DATABASE NOTES` on a line of its own, it forks one and answers with its process id; to be ended, its input ends.
"""

import asyncio
import os
import signal
import sys
import traceback

from gateway.store.database import database, sqlite_url
from gateway.store.migrations import migrate
from gateway.store.sealing import MasterKeys
from gateway.store.vault import open_vault
from tests.gateway.control.stage import MASTER, SANDBOX, Stage


async def work(file, notes):
    opened = database(sqlite_url(file))
    await migrate(opened)
    stage = Stage(opened, await open_vault(opened, MasterKeys([MASTER])), file)

    def note(*words):
        os.write(notes, (" ".join(words) + "\n").encode())  # in one step, and in the kernel's hands at once

    while True:
        config = await stage.made("/v1/configs", {"name": "c", "config": SANDBOX})
        note("configs", config["id"], config["version_id"])
        changed = await stage.ask("PUT", f"/v1/configs/{config['id']}", {"name": "d", "is_default": 1})
        note("configs", config["id"], changed.json["version_id"])
        key = await stage.made("/v1/virtual-keys", {"name": "k", "provider": "openai", "key": "sk-not-real"})
        note("virtual_keys", key["id"])
        made = await stage.made("/v1/api-keys", {"name": "a"})
        note("api_keys", made["id"], stage.vault.digest(made["key"]))
        feedback = await stage.made("/v1/feedback", [{"trace_id": "t", "value": 1}] * 3)
        note("feedback", *feedback["feedback_ids"])


def main():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        file, notes = line.split()
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(work(file, os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)))
            except BaseException:  # noqa: BLE001 - whoever reads the test's output has to learn of it
                traceback.print_exc()
            finally:
                os._exit(1)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
