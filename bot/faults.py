"""The bot's own faults: told without the values of variables, since one of them may be a secret."""

import traceback


def own_fault(error: BaseException) -> str:
    """What failed and where, for a bug report: types, files and lines, no values and no messages of foreign errors."""
    frames = traceback.extract_tb(error.__traceback__)
    where = "\n".join(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames[-6:])
    return f"migcheck failed by a fault of its own ({type(error).__name__}). Please report this:\n{where}"


def settings_fault(error: BaseException) -> str | None:
    """The message of a settings error, None for every other error."""
    if type(error).__name__ != "SettingsError":
        return None
    return f"The settings cannot be used:\n{error}"
