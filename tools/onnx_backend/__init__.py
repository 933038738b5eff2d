"""graphc measured by ONNX's backend tests."""
