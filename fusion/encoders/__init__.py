"""Encoders: one medium in, tokens with a place and one pooled vector out. One idea, one file, one line here."""

from fusion.encoders.audio_cnn import AudioCNN
from fusion.encoders.audio_cqt import AudioCQT
from fusion.encoders.audio_mfcc import AudioMFCC
from fusion.encoders.audio_spectrogram import AudioSpectrogram
from fusion.encoders.base import Encoder, Prepared, collate
from fusion.encoders.fixed import FixedEncoder
from fusion.encoders.image_cnn import ImageCNN
from fusion.encoders.image_lbp import ImageLBP
from fusion.encoders.image_sift import ImageSIFT
from fusion.encoders.image_vit import ImageViT
from fusion.encoders.text_bow import TextBagOfWords
from fusion.encoders.text_embedding import TextEmbedding
from fusion.encoders.text_lda import TextTopics
from fusion.encoders.text_lstm import TextLSTM
from fusion.encoders.text_transformer import TextTransformer
from fusion.encoders.video_flow import VideoFlow
from fusion.encoders.video_r3d import VideoR3D
from fusion.encoders.video_tcn import VideoTCN

ENCODERS: dict[str, type[Encoder]] = {
    "image_cnn": ImageCNN,
    "image_vit": ImageViT,
    "image_lbp": ImageLBP,
    "image_sift": ImageSIFT,
    "text_transformer": TextTransformer,
    "text_lstm": TextLSTM,
    "text_embedding": TextEmbedding,
    "text_bow": TextBagOfWords,
    "text_lda": TextTopics,
    "audio_cnn": AudioCNN,
    "audio_mfcc": AudioMFCC,
    "audio_spectrogram": AudioSpectrogram,
    "audio_cqt": AudioCQT,
    "video_tcn": VideoTCN,
    "video_r3d": VideoR3D,
    "video_flow": VideoFlow,
}
COMPACT = {"image": "image_cnn", "text": "text_transformer", "audio": "audio_cnn", "video": "video_tcn"}
CLASSICAL = {"image": "image_lbp", "text": "text_bow", "audio": "audio_mfcc", "video": "video_flow"}

__all__ = ["CLASSICAL", "COMPACT", "ENCODERS", "Encoder", "FixedEncoder", "Prepared", "collate"]
