"""What models cost on this machine: time, memory and arithmetic, ours beside others', as one record."""
