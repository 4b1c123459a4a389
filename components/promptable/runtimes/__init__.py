"""What runs a student's networks: ONNX Runtime, OpenVINO or PyTorch, chosen by name or by measuring on the machine."""
