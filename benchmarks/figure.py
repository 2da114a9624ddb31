"""How a figure is written."""


def figure(value: float, unit: str) -> str:
    """A value with its unit, rounded for reading."""
    if unit == "ratio":
        digits = 4 if abs(value - 1) < 0.005 else 3 if value < 0.1 else 2
        return f"{value:.{digits}f} ×"
    if unit == "B":
        value, unit = value / 2**20, "MiB"
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"
