"""The desk: one question for all who wait, and nobody who waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from vctui.questions import HEADLESS, Desk, OpenQuestion, Question
from vctui.ssh.lifeline import Lifeline

TOKEN = Question("second_factor", "jump:ams", "token of jump ams", "PASSCODE: ", once=True)
SECRET = Question("enable_secret", "enable:lab", "enable secret of lab", "Enable secret: ")
LONG = 30.0


class Room:
    """A desk, workers that ask at it, and a way to wait until they do."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(40)
        self.changed = threading.Condition()
        self.desk = Desk(self._tell)
        self.line = Lifeline()

    def _tell(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def ask(self, question: Question, device: str, seconds: float = LONG) -> Future[str | None]:
        return self.pool.submit(self.desk.ask, question, device, seconds=seconds, tie=self.line.tie)

    def until(self, condition: Callable[[tuple[OpenQuestion, ...]], bool]) -> tuple[OpenQuestion, ...]:
        """The open questions, as soon as they are so."""
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self.desk.open()), LONG)
            return self.desk.open()

    def until_waiting(self, count: int) -> OpenQuestion:
        """The only question, once so many devices wait for it."""
        (question,) = self.until(lambda found: [len(q.devices) for q in found] == [count])
        return question


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    room.desk.close()
    room.pool.shutdown()


def test_equal_questions_are_asked_once_and_answered_for_all(room: Room) -> None:
    answers = [room.ask(SECRET, f"sw{number}") for number in range(12)]
    question = room.until_waiting(12)
    assert sorted(question.devices) == sorted(f"sw{number}" for number in range(12))
    assert room.desk.answer(question.key, "opensesame")
    assert [answer.result(LONG) for answer in answers] == ["opensesame"] * 12
    assert room.desk.open() == ()


def test_five_hundred_workers_are_one_question(room: Room) -> None:
    room.pool.shutdown()
    room.pool = ThreadPoolExecutor(500)
    answers = [room.ask(SECRET, f"sw{number}") for number in range(500)]
    question = room.until_waiting(500)
    assert len(set(question.devices)) == 500
    assert room.desk.answer(question.key, "opensesame")
    assert [answer.result(LONG) for answer in answers] == ["opensesame"] * 500
    assert room.desk.open() == ()


def test_who_asks_later_gets_the_same_answer_until_it_is_taken_back(room: Room) -> None:
    first = room.ask(SECRET, "sw1")
    room.until_waiting(1)
    room.desk.answer(SECRET.key, "wrong")
    assert first.result(LONG) == "wrong"
    assert room.ask(SECRET, "sw2").result(LONG) == "wrong"
    room.desk.forget(SECRET.key)
    third = room.ask(SECRET, "sw3")
    room.until_waiting(1)
    room.desk.answer(SECRET.key, "right")
    assert third.result(LONG) == "right"


def test_a_one_time_answer_serves_one_asker_each_in_turn(room: Room) -> None:
    answers = {}
    for count, device in enumerate(("sw1", "sw2", "sw3"), 1):
        answers[device] = room.ask(TOKEN, device)
        room.until_waiting(count)
    for device, code in (("sw1", "111"), ("sw2", "222"), ("sw3", "333")):
        assert room.desk.answer(TOKEN.key, code)
        assert answers[device].result(LONG) == code
    assert not room.desk.answer(TOKEN.key, "444")
    later = room.ask(TOKEN, "sw4")
    room.until_waiting(1)
    assert not later.done()


def test_questions_wait_in_the_order_in_which_they_came(room: Room) -> None:
    room.ask(TOKEN, "sw1")
    room.until_waiting(1)
    room.ask(SECRET, "sw2")
    found = room.until(lambda open: len(open) == 2)
    assert [question.key for question in found] == [TOKEN.key, SECRET.key]


@pytest.mark.parametrize("question", [TOKEN, SECRET])
def test_declined_is_declined_for_all_and_for_good(room: Room, question: Question) -> None:
    answers = [room.ask(question, f"sw{number}") for number in range(3)]
    room.until_waiting(3)
    assert room.desk.decline(question.key)
    assert [answer.result(LONG) for answer in answers] == [None] * 3
    assert room.ask(question, "sw9").result(LONG) is None
    assert not room.desk.decline(question.key)


def test_cancelling_the_run_ends_the_wait_and_closes_the_question(room: Room) -> None:
    answers = [room.ask(SECRET, f"sw{number}") for number in range(3)]
    room.until_waiting(3)
    room.line.cut()
    assert [answer.result(LONG) for answer in answers] == [None] * 3
    room.until(lambda open: not open)
    assert room.ask(SECRET, "sw9").result(LONG) is None, "a line that is cut already"


def test_an_asker_whose_time_is_up_leaves_the_others_waiting(room: Room) -> None:
    patient = room.ask(SECRET, "sw1")
    room.until_waiting(1)
    assert room.ask(SECRET, "sw2", seconds=0.0).result(LONG) is None
    assert room.until_waiting(1).devices == ("sw1",)
    room.desk.answer(SECRET.key, "yes")
    assert patient.result(LONG) == "yes"
    assert room.ask(TOKEN, "sw3", seconds=0.0).result(LONG) is None
    assert room.desk.open() == (), "nobody waits, so nothing is asked"


def test_devices_that_depend_on_one_asker_are_named_too(room: Room) -> None:
    asked = room.ask(TOKEN, "sw1")
    with room.desk.waiting(TOKEN.key, "sw1"), room.desk.waiting(TOKEN.key, "sw2"):
        assert room.until_waiting(2).devices == ("sw1", "sw2")
    assert room.until_waiting(1).devices == ("sw1",)
    room.desk.answer(TOKEN.key, "1")
    assert asked.result(LONG) == "1"


def test_a_question_that_answered_itself_is_withdrawn_and_may_be_asked_anew(room: Room) -> None:
    asked = room.ask(SECRET, "sw1")
    room.until_waiting(1)
    room.desk.withdraw(SECRET.key)
    assert asked.result(LONG) is None
    room.desk.withdraw(SECRET.key)
    later = room.ask(SECRET, "sw2")
    room.until_waiting(1)
    assert not later.done()


def test_closing_declines_everything(room: Room) -> None:
    answers = [room.ask(TOKEN, "sw1"), room.ask(SECRET, "sw2")]
    room.until(lambda open: len(open) == 2)
    room.desk.close()
    assert [answer.result(LONG) for answer in answers] == [None, None]
    assert not room.desk.is_attended
    assert room.ask(SECRET, "sw3").result(LONG) is None


def test_without_a_face_nobody_waits() -> None:
    assert not HEADLESS.is_attended
    assert HEADLESS.ask(SECRET, "sw1", seconds=LONG, tie=lambda closer: None) is None
    assert HEADLESS.open() == ()


def test_a_choice_is_one_of_its_choices(room: Room) -> None:
    asked = room.ask(Question("breaker", "b", "lab is refused", "", choices=("skip", "abort")), "sw1")
    room.until_waiting(1)
    with pytest.raises(ValueError, match="skip, abort"):
        room.desk.answer("b", "retype")
    room.desk.answer("b", "skip")
    assert asked.result(LONG) == "skip"


def test_a_face_that_breaks_costs_no_answer() -> None:
    asked = threading.Event()

    def broken() -> None:
        asked.set()
        raise RuntimeError("a bug of the face")

    desk = Desk(broken)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(desk.ask, SECRET, "sw1", seconds=LONG, tie=lambda closer: None)
        assert asked.wait(LONG)
        assert desk.answer(SECRET.key, "yes")
        assert answer.result(LONG) == "yes"


def test_no_answer_is_in_a_repr(room: Room) -> None:
    asked = room.ask(SECRET, "sw1")
    room.until_waiting(1)
    room.desk.answer(SECRET.key, "c4n4ry")
    asked.result(LONG)
    assert "c4n4ry" not in repr(vars(room.desk)["_askers"]) + repr(room.desk) + repr(room.desk.open())
