from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.selection import OPERATORS, Condition, Selection, text
from tests.planning import refusal

PROPERTY = settings(max_examples=200, deadline=None, database=None, derandomize=True)
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}(\.[a-z_]{1,8})?", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters=",()"), min_size=1, max_size=12).filter(
    lambda value: value == value.strip() and value[0] not in "<>=!"
)
CONDITIONS = st.builds(Condition, KEYS, st.sampled_from(sorted(OPERATORS)), VALUES)


@PROPERTY
@given(st.lists(CONDITIONS, max_size=4))
def test_a_selection_is_read_back_from_its_text(conditions):
    expression = " , ".join(f"{condition.key} {condition.operator} {condition.value}" for condition in conditions)
    assert Selection.parse(expression).conditions == tuple(conditions)
    assert Selection.parse(expression.replace(" , ", ",")).conditions == tuple(conditions)
    assert Selection.parse(expression).keys() == {condition.key for condition in conditions}


@PROPERTY
@given(st.text(max_size=20))
def test_any_text_is_a_selection_or_an_error_of_usage(expression):
    error = refusal(lambda: Selection.parse(expression))
    assert error is None or (isinstance(error, UsageError) and "is no condition" in error.message)


@pytest.mark.parametrize("expression", ["dropout", "=1", "a=", "a==1", "a=<1", "a=>1", "1a=1", "a b=1", "a!1", "a.=;,b"])
def test_what_is_no_comparison_is_refused(expression):
    with pytest.raises(UsageError, match="is no condition"):
        Selection.parse(expression)


@pytest.mark.parametrize("expression", ["", " ", ",", " , ,"])
def test_an_empty_text_selects_everything(expression):
    assert Selection.parse(expression) == Selection()
    assert Selection().matches({})


def test_a_comma_in_parentheses_belongs_to_the_value():
    selection = Selection.parse("model=vgg9(width=8,depth=2),seed<3")
    assert selection.conditions == (Condition("model", "=", "vgg9(width=8,depth=2)"), Condition("seed", "<", "3"))
    assert selection.matches({"model": "vgg9", "seed": 1}, {"model": "vgg9(width=8,depth=2)"})


@pytest.mark.parametrize(
    ("expression", "settings_", "holds"),
    [
        ("a<10", {"a": 9}, True),
        ("a<10", {"a": "9"}, True),  # as numbers, though "9" > "10" as text
        ("a=0.10", {"a": 0.1}, True),
        ("a=1e-1", {"a": 0.1}, True),
        ("a=1", {"a": 1.0}, True),
        ("a=1", {"a": True}, False),
        ("a=true", {"a": True}, True),
        ("a!=1", {"a": 1}, False),
        ("a!=1", {"a": "x"}, True),
        ("a>=2", {"a": 2}, True),
        ("a>2", {"a": 2}, False),
        ("a<=2", {"a": 2}, True),
        ("a=full", {"a": "full"}, True),
        ("a<=full", {"a": "full"}, True),
        ("a=crop+flip", {"a": ["crop", "flip"]}, True),
        ("a=none", {"a": []}, True),
        ("a=1", {}, False),
        ("a!=1", {}, False),
        ("a!=1", {"a": None}, False),
        ("a=1,b=2", {"a": 1, "b": 3}, False),
        ("a=1,b=2", {"a": 1, "b": 2}, True),
    ],
)
def test_conditions(expression, settings_, holds):
    assert Selection.parse(expression).matches(settings_) is holds


def test_one_of_several_texts_of_a_key_is_enough():
    assert Selection.parse("optimizer=sgd").matches({"optimizer": "sgd"}, {"optimizer": "sgd(lr=0.1)"})
    assert Selection.parse("optimizer=sgd(lr=0.1)").matches({"optimizer": "sgd"}, {"optimizer": "sgd(lr=0.1)"})
    assert not Selection.parse("optimizer=adam").matches({"optimizer": "sgd"}, {"optimizer": "sgd(lr=0.1)"})


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "none"),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e-5, "1e-05"),
        (1e20, "1e+20"),
        (float("inf"), "inf"),
        ("full", "full"),
        ([], "none"),
        (["crop", {"name": "flip", "p": 0.5}], "crop+flip(p=0.5)"),
        ({"name": "vgg9"}, "vgg9"),
        ({"name": "vgg9", "width": 8, "bias": False}, "vgg9(width=8,bias=false)"),
        ({"rate": 0.1}, "(rate=0.1)"),
        ((0.1, 0.2), "0.1+0.2"),
    ],
)
def test_values_as_text(value, written):
    assert text(value) == written


@PROPERTY
@given(
    st.dictionaries(
        KEYS, st.one_of(st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.sampled_from(["full", "sgd"])), max_size=4
    )
)
def test_what_equals_is_selected_by_its_own_settings(settings_):
    assert Selection.equal(settings_).matches(settings_)
