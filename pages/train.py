from pages.shared import frame

with frame.open_page("train"):
    pass
