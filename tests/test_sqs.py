"""Queues of SQS with boto3 and the AWS CLI, and the engine's own events in one of them."""

import concurrent.futures
import hashlib
import json
import time

import pytest
from botocore.exceptions import ClientError
from support.definitions import container, register_instance, run_one, task_definition, wait_for
from support.wait import until


@pytest.fixture
def sqs(process_engine):
    """A boto3 client."""
    return process_engine.client("sqs")


@pytest.fixture
def queue(sqs, name):
    """The URL of a queue; it goes again."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


def receive(sqs, queue, **settings):
    """What a call receives."""
    return sqs.receive_message(QueueUrl=queue, **settings).get("Messages", [])


def test_a_message_is_sent_received_and_deleted(sqs, queue, name):
    assert queue.endswith(f"/{name}")
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == queue
    assert queue in sqs.list_queues(QueueNamePrefix=name)["QueueUrls"]
    attributes = {"kind": {"DataType": "String", "StringValue": "a"}, "raw": {"DataType": "Binary", "BinaryValue": b"\1"}}
    sent = sqs.send_message(QueueUrl=queue, MessageBody="héllo", MessageAttributes=attributes)
    assert sent["MD5OfMessageBody"] == hashlib.md5("héllo".encode(), usedforsecurity=False).hexdigest()
    [message] = receive(sqs, queue, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"])
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "héllo")
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert abs(int(message["Attributes"]["SentTimestamp"]) / 1000 - time.time()) < 60
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
    assert counts["Attributes"] == {"ApproximateNumberOfMessagesNotVisible": "1"}
    assert receive(sqs, queue) == []
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert {counts[it] for it in counts if it.startswith("Approximate")} == {"0"}


def test_a_long_poll_returns_as_soon_as_a_message_comes(sqs, queue):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(receive, sqs, queue, WaitTimeSeconds=20)
        # Until then nothing is there to be received.
        assert concurrent.futures.wait([waiting], timeout=0.5).not_done
        sent = time.monotonic()
        sqs.send_message(QueueUrl=queue, MessageBody="now")
        [message] = waiting.result(timeout=30)
    assert message["Body"] == "now"
    assert time.monotonic() - sent < 10, "it waited on although there was a message"


def test_a_message_comes_again_when_nobody_deletes_it(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="again")
    [first] = receive(sqs, queue, VisibilityTimeout=1)
    [second] = receive(sqs, queue, WaitTimeSeconds=20, MessageSystemAttributeNames=["ApproximateReceiveCount"])
    assert (second["MessageId"], second["Attributes"]["ApproximateReceiveCount"]) == (first["MessageId"], "2")
    held = {"QueueUrl": queue, "ReceiptHandle": second["ReceiptHandle"]}
    sqs.change_message_visibility(**held, VisibilityTimeout=0)
    [third] = receive(sqs, queue)
    # A receipt of an earlier delivery deletes nothing.
    sqs.delete_message(**held)
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=third["ReceiptHandle"], VisibilityTimeout=0)
    assert len(receive(sqs, queue)) == 1


def test_batches(sqs, queue):
    entries = [{"Id": str(number), "MessageBody": f"body {number}"} for number in range(10)]
    sent = sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    assert [it["Id"] for it in sent["Successful"]] == [it["Id"] for it in entries]
    messages = receive(sqs, queue, MaxNumberOfMessages=10)
    assert [it["Body"] for it in messages] == [it["MessageBody"] for it in entries]
    held = [{"Id": it["MessageId"], "ReceiptHandle": it["ReceiptHandle"]} for it in messages]
    shown = sqs.change_message_visibility_batch(
        QueueUrl=queue, Entries=[it | {"VisibilityTimeout": 0} for it in held[:5]]
    )
    assert len(shown["Successful"]) == 5
    deleted = sqs.delete_message_batch(QueueUrl=queue, Entries=[*held[5:], {"Id": "x", "ReceiptHandle": "nonsense"}])
    assert (len(deleted["Successful"]), deleted["Failed"][0]["Code"]) == (5, "ReceiptHandleIsInvalid")
    assert sorted(it["Body"] for it in receive(sqs, queue, MaxNumberOfMessages=10)) == [f"body {n}" for n in range(5)]


def test_refusals_have_the_names_of_both_protocols(sqs, queue, name):
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as missing:
        sqs.get_queue_url(QueueName=f"{name}-other")
    assert missing.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    with pytest.raises(sqs.exceptions.QueueNameExists):
        sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "31"})
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=queue, ReceiptHandle="nonsense")
    with pytest.raises(sqs.exceptions.EmptyBatchRequest):
        sqs.delete_message_batch(QueueUrl=queue, Entries=[])
    with pytest.raises(sqs.exceptions.InvalidMessageContents):
        sqs.send_message(QueueUrl=queue, MessageBody="\1")
    with pytest.raises(ClientError, match="does not offer FIFO queues") as fifo:
        sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})
    assert fifo.value.response["Error"]["Code"] == "AWS.SimpleQueueService.UnsupportedOperation"


def test_the_command_line(process_engine, name):
    def aws(*arguments, **settings):
        # Version 1 of the AWS CLI minds AWS_ENDPOINT_URL for all services but SQS.
        return process_engine.aws("--endpoint-url", process_engine.endpoint, "sqs", *arguments, **settings)

    url = aws("create-queue", "--queue-name", name)["QueueUrl"]
    aws("send-message", "--queue-url", url, "--message-body", "from the command line")
    [message] = aws("receive-message", "--queue-url", url, "--wait-time-seconds", "20")["Messages"]
    assert message["Body"] == "from the command line"
    deleted = aws("delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"], check=False)
    assert deleted.returncode == 0, deleted.stderr
    assert aws("delete-queue", "--queue-url", url, check=False).returncode == 0
    gone = aws("get-queue-url", "--queue-name", name, check=False)
    assert gone.returncode != 0
    assert "NonExistentQueue" in gone.stderr


def test_messages_outlive_a_kill(own_engine):
    engine = own_engine("process")
    sqs = engine.client("sqs")
    url = sqs.create_queue(QueueName="kept", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    for body in ("held", "deleted", "waiting"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    receive(sqs, url)
    [message] = receive(sqs, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    engine.kill()
    engine.start()
    sqs = engine.client("sqs")
    assert [it["Body"] for it in receive(sqs, url, MaxNumberOfMessages=10)] == ["waiting"]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (counts["ApproximateNumberOfMessagesNotVisible"], counts["VisibilityTimeout"]) == ("2", "600")


def test_events_of_tasks_and_services_arrive(own_engine):
    engine = own_engine("process")
    ecs, sqs = engine.client("ecs"), engine.client("sqs")
    url = sqs.create_queue(QueueName="longshore-events")["QueueUrl"]
    events = []

    def heard(kind, **detail):
        """Receives until an event of this kind has these members."""

        def found():
            for message in receive(sqs, url, MaxNumberOfMessages=10, WaitTimeSeconds=1):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                events.append(json.loads(message["Body"]))
            of_kind = [it for it in events if it["detail-type"] == kind]
            return next((it for it in of_kind if detail.items() <= it["detail"].items()), None)

        return until(found, f"{kind} with {detail}")

    ecs.create_cluster(clusterName="told")
    register_instance(ecs, "told")
    task = run_one(ecs, "told", task_definition("told", container("exit 3")))["taskArn"]
    stopped = heard("ECS Task State Change", taskArn=task, lastStatus="STOPPED")
    assert (stopped["source"], stopped["resources"]) == ("aws.ecs", [task])
    assert stopped["detail"]["containers"][0]["exitCode"] == 3
    definition = task_definition("served", container("sleep 600", stopTimeout=2))
    registered = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    settings = {"cluster": "told", "taskDefinition": registered, "desiredCount": 1}
    service = ecs.create_service(serviceName="served", **settings)["service"]["serviceArn"]
    steady = heard("ECS Service Action", eventName="SERVICE_STEADY_STATE")
    assert steady["resources"] == [service]
    deployed = heard("ECS Deployment State Change", eventName="SERVICE_DEPLOYMENT_COMPLETED")
    assert deployed["resources"] == [service]
    # After a restart they still arrive.
    engine.kill()
    engine.start()
    ecs, sqs = engine.client("ecs"), engine.client("sqs")
    ecs.update_service(cluster="told", service="served", desiredCount=0)
    [running] = [it for it in events if it["detail"].get("group") == "service:served"][:1]
    wait_for(ecs, "told", running["detail"]["taskArn"], "STOPPED")
    heard("ECS Task State Change", taskArn=running["detail"]["taskArn"], lastStatus="STOPPED")
