"""How dates and times are written and read, where Django writes them by itself: in admin."""
