"""What goes over the wire: snake_case, SI units, aware UTC times. Unknown keys are refused."""
