"""An engine of the user's own, named in config.yaml as `validation: {engine: "module:Class"}`."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from vctui.errors import UsageError, VctuiError
from vctui.text import safe_line
from vctui.validation.engine import ValidationEngine
from vctui.validation.scoring import ValidationResult

Validate = Callable[..., ValidationResult]

_STEP = "Name a subclass of vctui.validation.ValidationEngine in config.yaml as module:Class"


def open_engine(db_path: str | Path, named: str | None = None) -> ValidationEngine:
    """The engine of `module:Class`, or vctui's own; its module is imported here and not before.

    Raises UsageError that says what is wrong with the name or the module. What goes wrong in its `validate`
    later is an answer: the output is not valid, and why.
    """
    if not named:
        return ValidationEngine(db_path)
    kind = _find(named)
    try:
        engine = kind(db_path)
    except VctuiError:
        raise
    except Exception as error:
        raise _refuse(named, f"cannot be made: {_words(error)}") from error
    engine.validate = _guarded(engine.validate, named)  # type: ignore[method-assign]
    return engine


def _guarded(validate: Validate, named: str) -> Validate:
    def answer(output: str, filter_str: str | None = None) -> ValidationResult:
        try:
            found: object = validate(output, filter_str)
        except VctuiError:
            raise
        except Exception as error:  # noqa: BLE001 - an engine of the user's own may raise anything
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}, line {last.lineno}"
            return ValidationResult(reason=f"the engine {named} broke: {_words(error)} ({where})")
        if isinstance(found, ValidationResult):
            return found
        return ValidationResult(reason=f"the engine {named} gave no ValidationResult")

    return answer


def _find(named: str) -> type[ValidationEngine]:
    module_name, _, class_name = named.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise _refuse(
                named, f"there is no module {error.name}", f"Install it where {sys.executable} finds it"
            ) from error
        raise _refuse(named, f"cannot be imported: {_words(error)}") from error
    except (Exception, SystemExit) as error:
        raise _refuse(named, f"cannot be imported: {_words(error)}") from error
    kind = getattr(module, class_name, None)
    if kind is None:
        raise _refuse(named, f"module {module_name} has no class {class_name}")
    if not (isinstance(kind, type) and issubclass(kind, ValidationEngine)):
        raise _refuse(named, f"{class_name} is no subclass of ValidationEngine")
    return kind


def _refuse(named: str, reason: str, next_step: str = _STEP) -> UsageError:
    return UsageError(f"validation.engine: {named}: {reason}", next_step)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {safe_line(str(error), 200)}"
