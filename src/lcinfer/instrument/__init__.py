"""What SKA-Low makes of a light-cone: thermal noise, missing scales, foregrounds avoided."""
