"""Addresses and producers on the embedded broker and Apache Kafka."""

import asyncio
import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from aiokafka import client
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import ProducerClosed

from services.operator import processes
from services.operator.embedded import broker as embedded
from services.operator.processes import free_port
from shared.kit import broker
from shared.kit.broker import BrokerAddress, BrokerUnavailable, check_c_extension, close_producer, open_producer
from tests.support.waiting import eventually


async def test_the_embedded_broker_is_found_by_its_file(embedded_kafka_file: Path, embedded_kafka: str) -> None:
    address = await BrokerAddress.resolve(f"file:{embedded_kafka_file}")

    assert address.bootstrap == embedded_kafka
    assert address.incarnation
    assert address.is_current()


async def test_a_producer_that_is_given_up_while_it_starts_leaves_no_connection_behind(
    embedded_kafka_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[AIOKafkaConnection] = []
    connect = client.create_conn

    async def noted(*arguments: Any, **options: Any) -> AIOKafkaConnection:
        connected.append(await connect(*arguments, **options))
        return connected[-1]

    monkeypatch.setattr(client, "create_conn", noted)
    address = await BrokerAddress.resolve(f"file:{embedded_kafka_file}")
    opening = asyncio.create_task(open_producer(address, client_id="given up"))
    await eventually(lambda: connected, poll=0)

    opening.cancel()

    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not any(each.connected() for each in connected)


async def test_a_cluster_is_known_by_its_id(kafka: str) -> None:
    address = await BrokerAddress.resolve(kafka)

    assert address.bootstrap == kafka
    assert address.incarnation == (await BrokerAddress.resolve(kafka)).incarnation
    assert len(address.incarnation) > 10
    assert address.is_current()


async def test_a_rewritten_file_is_another_life_of_the_broker(tmp_path: Path) -> None:
    file = tmp_path / "broker.json"
    file.write_text(json.dumps({"bootstrap": "127.0.0.1:1", "incarnation": "first"}))
    address = await BrokerAddress.resolve(f"file:{file}")
    assert address.is_current()

    file.write_text(json.dumps({"bootstrap": "127.0.0.1:1", "incarnation": "second"}))
    assert not address.is_current()
    file.unlink()
    assert not address.is_current()


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"bootstrap": "127.0.0.1:9092"}'])
async def test_a_file_that_names_no_broker_is_a_broker_that_is_not_there(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "broker.json"
    if content is not None:
        file.write_text(content)

    with pytest.raises(BrokerUnavailable, match=r"broker\.json names no broker"):
        await BrokerAddress.resolve(f"file:{file}")


async def test_nobody_at_the_address_is_said_at_once() -> None:
    nobody = f"127.0.0.1:{free_port()}"

    with pytest.raises(BrokerUnavailable, match="no Kafka cluster answers"):
        await BrokerAddress.resolve(nobody)
    with pytest.raises(BrokerUnavailable, match="no producer could be started"):
        await open_producer(BrokerAddress(nobody, nobody, ""), client_id="test")


async def test_someone_who_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "CALL_LIMIT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(BrokerUnavailable):
            await BrokerAddress.resolve(address)
        with pytest.raises(BrokerUnavailable):
            await open_producer(BrokerAddress(address, address, ""), client_id="test")


@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_producer_of_a_broker_that_went_away_can_be_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fate: signal.Signals
) -> None:
    monkeypatch.setattr(broker, "CALL_LIMIT", 1.0)
    file = tmp_path / "broker.json"
    process = processes.spawn(embedded.program(file), log=tmp_path / "broker.log")
    try:
        await eventually(lambda: embedded.read_address(file))
        producer = await open_producer(await BrokerAddress.resolve(f"file:{file}"), client_id="test")
        await producer.send_and_wait("topic", b"before", key=b"k")
        process.send_signal(fate)
        unsent = await producer.send("topic", b"after", key=b"k")

        await close_producer(producer)

        assert isinstance(unsent.exception(), ProducerClosed)
        assert producer._sender.sender_task.done()
    finally:
        process.kill()
        process.wait()


def test_the_c_extension_is_in_use() -> None:
    assert check_c_extension()
