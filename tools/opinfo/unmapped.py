"""Why an operator has no row, by patterns of names; the first one that fits counts."""

from __future__ import annotations

from fnmatch import fnmatchcase

REASONS: dict[str, str] = {
    "complex numbers": "view_as_* complex polar imag cdouble cfloat chalf *.complex linalg.eig linalg.eigvals angle",
    "Fourier transforms": "fft.* stft istft",
    "sparse or quantised arrays": "sparse.* to_sparse *_scaled_mm*",
    "16-bit floats": "half bfloat16 *_flash_attention_forward *_efficient_attention_forward",
    "random draws: other numbers than PyTorch's": "rand* normal* bernoulli multinomial uniform cauchy exponential geometric log_normal svd_lowrank pca_lowrank nn.functional.fractional_max_pool* *dropout*",
    "the shape depends on the data": "nonzero* unique* masked_select argwhere histogram* bincount combinations_of",
    "memory layout, or nothing in it": "as_strided* empty* new_empty* resize_* to",
    "special functions that are not built": "special.* igamma* i0 frexp",
    "signal windows: constants that NumPy has": "signal.windows.*",
    "inner workings of PyTorch": "jiterator_* torch.ops.* _* native_* max_pool2d_with_indices_backward grid_sampler_* sparse* hash_tensor nn.functional.batch_norm.without_cudnn",
    "factorisations that are not built": "lu lu_solve lu_unpack linalg.lu* linalg.ldl* geqrf ormqr qr linalg.householder_product linalg.cond linalg.matrix_rank* pinverse linalg.pinv.* linalg.eig*",
    "no graph: numbers or shapes alone": "item broadcast_shapes tril_indices triu_indices scalar_tensor logspace.tensor_overload linspace.tensor_overload",
    "not built": "nn.functional.ctc_loss nn.functional.grid_sample nn.functional.embedding_bag nn.functional.max_unpool* nn.functional.multilabel_margin_loss nn.functional.linear_cross_entropy* nn.functional.multi_head_attention_forward nn.functional.pdist mode histc nanmedian nanquantile gradient masked.* bmm.* logspace",
}


def why(name: str) -> str:
    """The reason; nothing for a name that no pattern fits."""
    for reason, patterns in REASONS.items():
        if any(fnmatchcase(name, p) for p in patterns.split()):
            return reason
    return ""
