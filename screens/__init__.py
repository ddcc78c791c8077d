"""The full-screen face of vctui: one screen a file, its stylesheet beside it."""
