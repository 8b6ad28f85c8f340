def draw_growth(path):
    return []
