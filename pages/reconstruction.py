from pages.shared import frame

with frame.open_page("reconstruction"):
    pass
