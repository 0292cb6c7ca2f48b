"""Networks filled with noise in seconds. Used by random_model.py, and by the peers, in front of
whose scripts it stands."""


def filled(make, kind):
    """A network without its own slow initialisation: made without memory, then filled with noise of
    the usual spread, a block of random numbers again and again."""
    import torch

    with torch.device("meta"):
        network = make()
    # The class's own `to` would talk about layers that this does not concern.
    network = torch.nn.Module.to(network, kind).to_empty(device="cpu").eval()
    noise = torch.empty(1 << 20).uniform_(-1, 1, generator=torch.Generator().manual_seed(0)).to(kind)
    for values in network.parameters():
        spread = max(values[0].numel() if values.dim() > 1 else 1, 1) ** -0.5
        flat = values.data.view(-1)
        for begin in range(0, flat.numel(), noise.numel()):
            piece = flat[begin : begin + noise.numel()]
            torch.mul(noise[: piece.numel()], spread, out=piece)
    for name, values in network.named_buffers():
        if name.endswith("position_ids"):
            values.copy_(torch.arange(values.shape[-1]).expand_as(values))
        else:
            raise SystemExit(f"The buffer '{name}' is not known")
    return network


