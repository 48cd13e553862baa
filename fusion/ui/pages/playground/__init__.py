"""The Playground page: strategies are trained on two numbers while a visitor watches."""
