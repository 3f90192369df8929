"""A task's life, driven at random: whatever happens, its promises hold."""

import datetime as dt

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bim.verdict import Reason
from robots.tasks import HELD, NEXT, OVER, Kind, Step, Target, TaskSpec, TaskState, WrongStep, advance, propose

AT = dt.datetime(2026, 5, 4, 7, 0, tzinfo=dt.UTC)
WHY = Reason("so", "如此")
SPEC = TaskSpec("a", Kind.DRILL, WHY, tuple(Target(x, 0.0, 0.0, 0.0) for x in range(5)), "drill", 0.01, 60.0)


class TaskLife(RuleBasedStateMachine):
    """Possible steps are taken, impossible ones are refused."""

    def __init__(self) -> None:
        super().__init__()
        self.task = propose(SPEC, AT, WHY)
        self.tokens = [0]
        self.done = 0

    def possible(self, step: Step) -> bool:
        return step in NEXT[self.task.state]

    @rule(step=st.sampled_from(sorted(set(Step) - {Step.ASSIGN, Step.WORK})))
    def step(self, step: Step) -> None:
        if self.possible(step):
            self.task = advance(self.task, step, AT, WHY)
        else:
            before = self.task
            with pytest.raises(WrongStep):
                advance(self.task, step, AT, WHY)
            assert self.task is before

    @precondition(lambda self: self.possible(Step.ASSIGN))
    @rule(robot=st.sampled_from(["r1", "r2"]), more=st.integers(-2, 3))
    def assign(self, robot: str, more: int) -> None:
        token = self.task.token + more
        if more > 0:
            self.task = advance(self.task, Step.ASSIGN, AT, WHY, robot_id=robot, token=token)
            self.tokens.append(token)
        else:
            with pytest.raises(WrongStep):
                advance(self.task, Step.ASSIGN, AT, WHY, robot_id=robot, token=token)

    @precondition(lambda self: self.possible(Step.WORK))
    @rule(so_many=st.integers(0, 7))
    def work(self, so_many: int) -> None:
        if so_many > len(SPEC.targets):
            with pytest.raises(WrongStep):
                advance(self.task, Step.WORK, AT, WHY, targets_done=so_many)
        else:
            self.task = advance(self.task, Step.WORK, AT, WHY, targets_done=so_many)

    @invariant()
    def a_robot_holds_it_exactly_when_its_state_says_so(self) -> None:
        waiting = self.task.state in {TaskState.PROPOSED, TaskState.APPROVED, TaskState.QUEUED}
        assert self.task.robot_id is not None or self.task.state not in HELD
        assert not (waiting and self.task.robot_id)

    @invariant()
    def tokens_only_grow_and_work_is_never_undone(self) -> None:
        assert self.tokens == sorted(set(self.tokens))
        assert self.task.token == self.tokens[-1]
        assert self.task.targets_done >= self.done
        self.done = self.task.targets_done

    @invariant()
    def its_history_ends_where_it_stands(self) -> None:
        assert self.task.history[-1].state is self.task.state

    @invariant()
    def done_and_cancelled_are_for_good(self) -> None:
        if self.task.state in OVER - {TaskState.FAILED}:
            assert not NEXT[self.task.state]


TestTaskLife = TaskLife.TestCase
TestTaskLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_every_state_has_its_steps() -> None:
    assert set(NEXT) == set(TaskState)
