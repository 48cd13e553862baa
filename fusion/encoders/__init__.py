"""Encoders: one medium in, tokens with a place and one pooled vector out. One idea, one file, one line here."""

from fusion.encoders.audio_cnn import AudioCNN
from fusion.encoders.base import Encoder, Prepared, collate
from fusion.encoders.image_cnn import ImageCNN
from fusion.encoders.text_transformer import TextTransformer
from fusion.encoders.video_tcn import VideoTCN

ENCODERS: dict[str, type[Encoder]] = {
    "image_cnn": ImageCNN,
    "text_transformer": TextTransformer,
    "audio_cnn": AudioCNN,
    "video_tcn": VideoTCN,
}
COMPACT = {"image": "image_cnn", "text": "text_transformer", "audio": "audio_cnn", "video": "video_tcn"}

__all__ = ["COMPACT", "ENCODERS", "Encoder", "Prepared", "collate"]
