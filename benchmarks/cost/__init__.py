"""What it costs a month, at list prices, beside what one would take instead."""
