"""What moto works out anew at every request, though it never changes: here it is remembered."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import moto.backends
import moto.core.responses
from moto.core.serialize import XFormedAttributePicker
from moto.core.utils import method_names_from_class

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moto.core.serialize import AttributePickerContext

# What a host name may mean: its own folder.
_MODULES = frozenset(moto.backends.list_of_moto_modules())
# What of a service's class is a method.
_METHODS = cache(method_names_from_class)
# Under which names an object may have what a shape asks for: by the classes of both, not by what
# the object holds.
_NAMES: dict[tuple[Any, ...], tuple[str, ...]] = {}
_names = XFormedAttributePicker.get_possible_keys


def remember() -> None:
    """Let moto remember; calling it again changes nothing."""
    moto.backends.list_of_moto_modules = lambda: _MODULES
    moto.core.responses.method_names_from_class = _METHODS  # type: ignore[attr-defined]
    names: Any = _possible_names
    XFormedAttributePicker.get_possible_keys = names  # type: ignore[method-assign]


def _possible_names(
    picker: XFormedAttributePicker, context: AttributePickerContext
) -> Iterable[str]:
    asked = (type(context.obj), context.key, context.shape, *picker.alias_providers)
    known = _NAMES.get(asked)
    if known is None:
        known = _NAMES[asked] = tuple(dict.fromkeys(_names(picker, context)))
    return known
