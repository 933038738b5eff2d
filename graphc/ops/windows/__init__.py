"""What slides over an image or a signal: convolution, pooling, resampling."""
