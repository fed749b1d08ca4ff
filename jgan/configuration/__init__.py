"""The parts that jgan.config is made of: configs by name, as data, and under flags."""
