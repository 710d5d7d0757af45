"""`Custom::ECSTask` through the Lambda door: 200 random interleavings of duplicate deliveries, lost replies, errors and
crashes. No migration runs twice, every request is answered, and SUCCESS means that it ran.

`LONGSHORE_INTERLEAVINGS_SEED=N` plays one again: its plan is the same, the machine's own timing is not.
"""

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from support import callback
from support.custom_resource import Stack, override
from support.definitions import register_instance
from support.proxy import RandomFaults

INTERLEAVINGS = 200
# Blocks are for the workers of pytest; within one, so many are played at a time: most of their time is waiting.
BLOCKS = 8
AT_A_TIME = 4

ENGINE_FAULT_RATE = 0.25
ENGINE_FAULTS_MAX = 4
CRASH_RATE = 0.4
# Half of the crashes come while the task is being started, the others at any moment until the answer.
START_SECONDS_MAX = 0.2
ANSWER_SECONDS_MAX = 1.3
# Lambda gives an event up after the third attempt, so one must be left alone.
CRASHES_MAX = 2
EXIT_CODE = 3


@dataclass
class Request:
    """A request of CloudFormation and how it goes."""

    event: dict
    # When it is delivered, in seconds from the first time.
    deliveries: list
    exit_code: int

    @property
    def id(self):
        """Its RequestId."""
        return self.event["RequestId"]

    @property
    def runs(self):
        """Whether it has a task."""
        return self.event["RequestType"] != "Delete"


class Interleaving:
    """One stack's life under one plan."""

    def __init__(self, engine, cluster, seed, directory):
        self.seed = seed
        self.plan = random.Random(f"{seed} plan")
        self.stack = Stack(engine, cluster, directory, sandboxes=4, retry_seconds=0.05)
        self.stack.proxy.choose = RandomFaults(random.Random(f"{seed} engine"), ENGINE_FAULT_RATE, ENGINE_FAULTS_MAX)
        self.crashes = random.Random(f"{seed} crashes")
        self.stack.function.deliver = self.crash
        # What had run when an answer came.
        self.stack.callback.note = lambda document: self.stack.ran()
        self.requests = [self.request(kind) for kind in self.kinds()]

    def kinds(self):
        """A stack's life."""
        life = ["Create"]
        if self.plan.random() < 0.4:
            life.append("Update")
        if self.plan.random() < 0.3:
            life.append("Delete")
        return life

    def request(self, kind):
        """A request whose task notes the request's id and ends with the code that is planned."""
        event = self.stack.event(kind)
        exit_code = EXIT_CODE if self.plan.random() < 0.2 else 0
        script = f"{self.stack.note(event['RequestId'])}; sleep {self.plan.uniform(0, 0.2):.2f}; exit {exit_code}"
        event["ResourceProperties"] = self.stack.properties(Overrides=override(script), Timeout=120)
        deliveries = [0.0] + [self.plan.uniform(0, 0.4) for _ in range(self.plan.choice([0, 0, 1, 1, 2]))]
        faults = [callback.fail(500), callback.fail(503), callback.drop, callback.lose_reply]
        self.stack.callback.plan(event["RequestId"], *self.plan.sample(faults, self.plan.choice([0, 0, 1, 2])))
        return Request(event, sorted(deliveries), exit_code)

    def crash(self, sandbox, event):
        """Called at each delivery."""
        if len(event.attempts) < CRASHES_MAX and self.crashes.random() < CRASH_RATE:
            moment = self.crashes.uniform(0, self.crashes.choice([START_SECONDS_MAX, ANSWER_SECONDS_MAX]))
            threading.Timer(moment, sandbox.kill, ["crashed", event]).start()

    def play(self):
        """Plays it, and checks what became of it."""
        with self.stack:
            for request in self.requests:
                waited = 0.0
                for moment in request.deliveries:
                    time.sleep(moment - waited)
                    waited = moment
                    self.stack.function.invoke(request.event)
                self.stack.answer(request.event)
            self.stack.function.wait_until_idle()
            for request in self.requests:
                self.check(request)

    def check(self, request):
        """The sentences that must hold."""
        times = self.stack.ran().count(request.id)
        assert times <= 1, f"the migration of {request.event['RequestType']} ran {times} times"
        answers = self.stack.callback.accepted(request.id)
        assert answers, f"{request.event['RequestType']} was not answered"
        for put in answers:
            callback.check(request.event, put)
            good = put.document["Status"] == "SUCCESS"
            assert not (good and request.runs) or request.id in put.note, f"SUCCESS before it ran: {put.document}"
            assert good == (not request.runs or request.exit_code == 0), put.document

    def troubles(self):
        """How many crashes, faults of the engine, and deliveries beyond the first there were."""
        events = self.stack.function.events
        crashes = sum(event.attempts.count("crashed") for event in events)
        return crashes, len(self.stack.proxy.choose.chosen), len(events) - len(self.requests)

    def story(self):
        """What happened, for whoever must find out why."""
        faults = self.stack.proxy.choose.chosen
        attempts = [event.attempts for event in self.stack.function.events]
        puts = {request.event["RequestType"]: self.stack.callback.puts(request.id) for request in self.requests}
        said = self.stack.function.log_text()[-6000:]
        return f"faults: {faults}\nattempts: {attempts}\nanswers: {puts}\nthe function said:\n{said}"


def play(engine, cluster, seed, directory):
    """Plays one; gives the troubles that it had, and what is wrong with it."""
    interleaving = Interleaving(engine, cluster, seed, directory)
    wrong = None
    try:
        interleaving.play()
    except Exception as error:  # noqa: BLE001 (told with the others of the block)
        wrong = f"LONGSHORE_INTERLEAVINGS_SEED={seed}: {type(error).__name__}: {error}\n{interleaving.story()}"
    return interleaving.troubles(), wrong


@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_migration_runs_twice_and_no_request_stays_unanswered(process_engine, name, tmp_path, block):
    """12, 13, 14, 16, 22, and 1 and 4 under all of them."""
    seeds = [random.SystemRandom().randrange(2**32) for _ in range(INTERLEAVINGS // BLOCKS)]
    if "LONGSHORE_INTERLEAVINGS_SEED" in os.environ:
        seeds = [int(os.environ["LONGSHORE_INTERLEAVINGS_SEED"])]
    ecs = process_engine.client("ecs")
    ecs.create_cluster(clusterName=name)
    register_instance(ecs, name, cpu=100_000, memory=100_000)
    Stack(process_engine, name, tmp_path).define()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        played = list(pool.map(lambda seed: play(process_engine, name, seed, tmp_path / str(seed)), seeds))
    wrong = [story for _, story in played if story]
    if wrong:
        pytest.fail(f"{len(wrong)} of {len(seeds)} went wrong\n" + "\n\n".join(wrong[:3]))
    troubles = [sum(each) for each in zip(*(troubles for troubles, _ in played), strict=True)]
    assert len(seeds) == 1 or min(troubles) >= len(seeds) / 4, f"too little trouble to prove anything: {troubles}"
