"""What `doctor` looks at. A platform adds functions of its own to `bot.commands.doctor.CHECKS`."""
