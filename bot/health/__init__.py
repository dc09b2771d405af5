"""What `doctor` looks at. A platform adds functions of its own to `bot.doctor.CHECKS`."""
