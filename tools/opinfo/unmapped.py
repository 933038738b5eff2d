"""Why an operator has no row, by patterns of names; the first one that fits counts."""

from __future__ import annotations

from fnmatch import fnmatchcase

REASONS: dict[str, str] = {
    "complex numbers": """
        view_as_real view_as_complex complex imag polar cdouble cfloat chalf *.complex linalg.eig
        linalg.eigvals""",
    "Fourier transforms": "fft.* stft istft",
    "sparse or scaled arrays": "sparse.* to_sparse *_scaled_mm*",
    "16-bit floats": "half bfloat16 *_flash_attention_forward *_efficient_attention_forward",
    "random draws: other numbers than PyTorch's": """
        rand* normal* bernoulli multinomial uniform cauchy exponential geometric log_normal
        svd_lowrank pca_lowrank nn.functional.fractional_max_pool*
        nn.functional.multi_head_attention_forward""",
    "the shape depends on the data": """
        nonzero* unique* masked_select argwhere histogram* bincount""",
    "memory layout, or memory without values": "as_strided* empty* new_empty* resize_* to",
    "special functions that are not built": "special.* igamma* frexp",
    "signal windows: constants, which NumPy makes": "signal.windows.*",
    "inner workings of PyTorch": """
        jiterator_* _* native_* max_pool2d_with_indices_backward grid_sampler_3d hash_tensor
        nn.functional.batch_norm.without_cudnn bmm.triton_optimized""",
    "factorisations that are not built": """
        lu lu_solve lu_unpack linalg.lu* linalg.ldl* geqrf ormqr linalg.householder_product
        linalg.pinv.hermitian""",
    "numbers or shapes alone, no arrays": """
        item broadcast_shapes tril_indices triu_indices scalar_tensor""",
    "a combination that is not built": """
        nn.functional.ctc_loss nn.functional.embedding_bag
        nn.functional.multilabel_margin_loss nn.functional.linear_cross_entropy* mode histc
        nanmedian gradient masked.* cov corrcoef linalg.norm.subgradients_at_zero""",
}


def why(name: str) -> str:
    """The reason; nothing for a name that no pattern fits."""
    for reason, patterns in REASONS.items():
        if any(fnmatchcase(name, p) for p in patterns.split()):
            return reason
    return ""
