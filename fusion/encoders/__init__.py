"""Encoders: one medium in, tokens with a place and one pooled vector out. One idea, one file, one line here."""

from fusion.encoders.audio_cnn import AudioCNN
from fusion.encoders.audio_cqt import AudioCQT
from fusion.encoders.audio_mfcc import AudioMFCC
from fusion.encoders.audio_mobilenet import AudioMobileNet
from fusion.encoders.audio_spectrogram import AudioSpectrogram
from fusion.encoders.base import Encoder, Prepared, TrunkEncoder, collate
from fusion.encoders.fixed import FixedEncoder
from fusion.encoders.image_cnn import ImageCNN
from fusion.encoders.image_efficientnet import ImageEfficientNet
from fusion.encoders.image_lbp import ImageLBP
from fusion.encoders.image_sift import ImageSIFT
from fusion.encoders.image_vit import ImageViT
from fusion.encoders.text_bert import TextBERT
from fusion.encoders.text_bow import TextBagOfWords
from fusion.encoders.text_embedding import TextEmbedding
from fusion.encoders.text_lda import TextTopics
from fusion.encoders.text_lstm import TextLSTM
from fusion.encoders.text_minilm import TextMiniLM
from fusion.encoders.text_transformer import TextTransformer
from fusion.encoders.video_flow import VideoFlow
from fusion.encoders.video_frames import VideoFrames
from fusion.encoders.video_r3d import VideoR3D
from fusion.encoders.video_tcn import VideoTCN

ENCODERS: dict[str, type[Encoder]] = {
    "image_cnn": ImageCNN,
    "image_vit": ImageViT,
    "image_efficientnet": ImageEfficientNet,
    "image_lbp": ImageLBP,
    "image_sift": ImageSIFT,
    "text_transformer": TextTransformer,
    "text_lstm": TextLSTM,
    "text_embedding": TextEmbedding,
    "text_bert": TextBERT,
    "text_minilm": TextMiniLM,
    "text_bow": TextBagOfWords,
    "text_lda": TextTopics,
    "audio_cnn": AudioCNN,
    "audio_mobilenet": AudioMobileNet,
    "audio_mfcc": AudioMFCC,
    "audio_spectrogram": AudioSpectrogram,
    "audio_cqt": AudioCQT,
    "video_tcn": VideoTCN,
    "video_r3d": VideoR3D,
    "video_frames": VideoFrames,
    "video_flow": VideoFlow,
}
CLASSICAL = {"image": "image_lbp", "text": "text_bow", "audio": "audio_mfcc", "video": "video_flow"}

__all__ = ["CLASSICAL", "ENCODERS", "Encoder", "FixedEncoder", "Prepared", "TrunkEncoder", "collate"]
