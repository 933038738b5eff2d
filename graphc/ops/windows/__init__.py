"""What slides over an image or a signal: convolution, pooling, resampling.

Names and meanings are those of torch.nn.functional, and those of ONNX for what only that has.
"""
