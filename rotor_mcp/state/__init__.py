"""What calls with one Rotor key share within a process."""
