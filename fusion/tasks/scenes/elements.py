"""Pictures of fire and rain, drawn by code over any photograph: the data sets show only candles, torches and umbrellas.

    burn(photo)      flames on the ground, at night or by day, with smoke; up close, or small in a landscape
    rain_on(photo)   falling streaks under a grey sky, drops that splash on a wet ground, or drops on a window

Flames are turbulence that is stretched upwards and coloured by heat; nothing is simulated.
Reference: Perlin 1985, An Image Synthesizer (turbulence); Garg & Nayar 2007, Vision and Rain (what falling drops look like).
"""

from __future__ import annotations

import cv2
import numpy as np

# colours from cold to hot
HEAT = np.array([[0, 0, 0], [60, 8, 2], [150, 28, 4], [225, 80, 8], [252, 150, 28], [255, 208, 88], [255, 244, 190]], np.float32)
Rng = np.random.Generator


def turbulence(height: int, width: int, cell: float, rng: Rng, stretch: float = 1.0, octaves: int = 5) -> np.ndarray:
    """Smooth noise (H, W) float32 in [0, 1] whose largest patches have `cell` pixels and are `stretch` times as high as wide."""
    total = np.zeros((height, width), np.float32)
    strength, sum_of_strengths = 1.0, 0.0
    for _ in range(octaves):
        rows = max(2, round(height / (cell * stretch)) + 2)
        columns = max(2, round(width / cell) + 2)
        total += strength * cv2.resize(rng.random((rows, columns), np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        sum_of_strengths += strength
        strength *= 0.55
        cell = max(1.5, cell / 2)
    total /= sum_of_strengths
    spread: np.ndarray = (total - total.min()) / max(float(np.ptp(total)), 1e-6)
    return spread


def over(picture: np.ndarray, colour: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """`colour` (H, W, 3) or (3,) laid over a picture (H, W, 3) float32, covering a share (H, W) of each pixel."""
    blended: np.ndarray = picture + (colour - picture) * cover[..., None]
    return blended


def finished(picture: np.ndarray) -> np.ndarray:
    rounded: np.ndarray = picture.clip(0, 255).astype(np.uint8)
    return rounded


def flames(height: int, width: int, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """A fire that stands on the lower edge of (H, W): colours (H, W, 3) float32, and how much they cover (H, W)."""
    y = np.linspace(1, 0, height, dtype=np.float32)[:, None]  # height above the ground, of all of it
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    cell = max(height, width) * rng.uniform(0.08, 0.3)
    tongues = turbulence(height, width, cell, rng, stretch=rng.uniform(1.2, 2.8))
    sideways = (turbulence(height, width, cell, rng) - 0.5) * cell * rng.uniform(0.4, 1.6)
    grid_y, grid_x = np.mgrid[0:height, 0:width].astype(np.float32)
    licking = cv2.remap(tongues, grid_x + sideways * y, grid_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    profile = turbulence(1, width, width * rng.uniform(0.1, 0.5), rng, octaves=3)  # how high it reaches at each place
    reach = (0.35 + 0.75 * profile) * (1 - np.abs(x) ** rng.uniform(1.5, 6))
    heat = licking * rng.uniform(1.1, 1.7) + (reach - y) * rng.uniform(1.3, 2.4) - rng.uniform(0.35, 0.6)
    if rng.random() < 0.4:  # in patches, as behind windows or between trees
        heat -= rng.uniform(0.2, 1.2) * (turbulence(height, width, cell * rng.uniform(0.5, 2), rng) > rng.uniform(0.4, 0.6))
    heat = heat.clip(0, 1) ** rng.uniform(0.7, 1.3) * rng.uniform(0.55, 1.0)  # not every fire has a white core
    heat *= np.minimum(1, y / rng.uniform(0.01, 0.25))  # nor a straight foot
    level = heat * (len(HEAT) - 1)
    lower = np.minimum(level.astype(int), len(HEAT) - 2)
    part = (level - lower)[..., None]
    colours = HEAT[lower] * (1 - part) + HEAT[lower + 1] * part
    return colours, np.minimum(1, heat * rng.uniform(2.0, 4.0))


def add_smoke(picture: np.ndarray, foot: tuple[float, float], rng: Rng) -> np.ndarray:
    """A plume that rises from `foot` (x, y in [0, 1]) and drifts, black to white."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    up = (foot[1] - y / height).clip(0)  # above the foot
    drift, spread = rng.uniform(-0.9, 0.9), rng.uniform(0.25, 0.9)
    centre = foot[0] + drift * up
    apart = np.abs(x / width - centre) / (rng.uniform(0.06, 0.2) + spread * up)
    cover = (1.2 - apart).clip(0, 1) * (y / height < foot[1] + 0.03)
    cloud = turbulence(height, width, max(height, width) * rng.uniform(0.1, 0.3), rng)
    cover = (cover * (0.5 + 1.1 * cloud) - rng.uniform(0.0, 0.25)).clip(0, rng.uniform(0.7, 1.0))
    dark, bright = np.sort(rng.uniform(20, 235, 2))
    grey = (dark + (bright - dark) * turbulence(height, width, max(height, width) * 0.12, rng))[..., None] + rng.uniform(-8, 8, 3)
    return over(picture, grey.astype(np.float32), cv2.GaussianBlur(cover, (0, 0), max(height, width) * 0.01))


def burn(photo: np.ndarray, rng: Rng) -> np.ndarray:
    """The photo (H, W, 3) uint8 with a fire in it: in the dark, by day, from near or far."""
    picture: np.ndarray = photo.astype(np.float32)
    height, width = picture.shape[:2]
    kind = rng.random()
    dark = kind < 0.4
    if dark:
        picture *= rng.uniform(0.02, 0.35)
    near = rng.random() < 0.45
    share = rng.uniform(0.55, 1.0) if near else rng.uniform(0.15, 0.5)  # of the width
    w = max(12, round(share * width))
    h = max(12, round(min(rng.uniform(0.5, 1.3) * share, 0.95) * height))
    bottom = int(rng.uniform(0.8, 1.0) * height) if near else int(rng.uniform(0.45, 0.95) * height)
    bottom = max(bottom, h)
    left = int(rng.integers(0, width - w + 1))
    foot = ((left + w / 2) / width, (bottom - 0.3 * h) / height)
    if rng.random() < (0.25 if dark or near else 0.85):
        picture = add_smoke(picture, foot, rng)
    glow: np.ndarray = np.zeros((height, width), np.float32)
    cv2.ellipse(glow, (left + w // 2, bottom - h // 3), (w // 2, h // 2), 0, 0, 360, 1.0, -1)
    glow = cv2.GaussianBlur(glow, (0, 0), max(2.0, 0.3 * max(w, h)))
    picture += glow[..., None] * np.array([1.0, 0.42, 0.1], np.float32) * rng.uniform(20, 130 if dark else 60)
    colours, cover = flames(h, w, rng)
    part = picture[bottom - h : bottom, left : left + w]
    if rng.random() < 0.5:  # what burns stands dark before it
        part *= 1 - 0.8 * (turbulence(h, w, w * 0.2, rng) > 0.6)[..., None] * np.linspace(0, 1, h, dtype=np.float32)[:, None, None]
    picture[bottom - h : bottom, left : left + w] = over(part, colours, cover)
    if rng.random() < 0.35:
        picture = add_smoke(picture, (foot[0], foot[1] - 0.2 * h / height), rng)
    for _ in range(int(rng.integers(0, 40))):  # sparks
        at = (int(rng.normal(left + w / 2, w / 3)), int(bottom - rng.uniform(0, 1.6) * h))
        cv2.circle(picture, at, 0 if rng.random() < 0.7 else 1, (255, 190, 90), -1)
    return finished(picture)


def streaks(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Falling drops, drawn long by the exposure: bright, in one direction, of several lengths."""
    height, width = picture.shape[:2]
    layer: np.ndarray = np.zeros((height, width), np.float32)
    tilt = rng.normal(0, 0.2)
    longest = rng.uniform(0.03, 0.22) * height
    for _ in range(int(rng.uniform(60, 900))):
        x, y = rng.uniform(-0.1, 1.1) * width, rng.uniform(-0.1, 1) * height
        length = longest * rng.uniform(0.3, 1)
        start, end = (int(x), int(y)), (int(x + tilt * length), int(y + length))
        cv2.line(layer, start, end, float(rng.uniform(0.2, 1)), 1 if rng.random() < 0.85 else 2, cv2.LINE_AA)
    layer = cv2.GaussianBlur(layer, (0, 0), rng.uniform(0.3, 1.0))
    return over(picture, np.array([225, 230, 235], np.float32), (layer * rng.uniform(0.25, 0.8)).clip(0, 1))


def grey_day(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Less colour, less contrast, mist towards the top."""
    grey = picture.mean(2, keepdims=True)
    dull = grey + (picture - grey) * rng.uniform(0.05, 0.65)
    height, width = picture.shape[:2]
    mist = np.linspace(rng.uniform(0.1, 0.8), rng.uniform(0, 0.25), height, dtype=np.float32)[:, None] + np.zeros((1, width), np.float32)
    sky = rng.uniform(110, 215) + rng.uniform(-8, 12, 3)
    return over(dull * rng.uniform(0.45, 0.95), sky.astype(np.float32), mist.clip(0, 1))


def wet_ground(height: int, width: int, rng: Rng) -> np.ndarray:
    """A dark or grey surface with waves of light on it: asphalt, water, mud, stone (H, W, 3) float32."""
    low, high = np.sort(rng.uniform(8, 170, 2))
    base = turbulence(height, width, max(height, width) * rng.uniform(0.05, 0.4), rng, stretch=rng.uniform(0.2, 0.8))
    fine = turbulence(height, width, rng.uniform(2, 12), rng, stretch=rng.uniform(0.3, 1.0), octaves=3)
    tone = low + (high - low) * (base * rng.uniform(0.4, 1.0) + fine * rng.uniform(0.1, 0.6)).clip(0, 1)
    tint = 1 + rng.uniform(-0.12, 0.12, 3).astype(np.float32)
    surface: np.ndarray = tone[..., None] * tint
    return surface


def add_splashes(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Where drops hit: rings, small crowns of droplets that fly up, and drops on their way."""
    height, width = picture.shape[:2]
    light: np.ndarray = np.zeros((height, width), np.float32)
    unit = max(height, width)
    size = unit * np.exp(rng.uniform(np.log(0.004), np.log(0.05)))
    horizon = rng.uniform(0.0, 0.6)
    rings = rng.random() < 0.6
    for _ in range(int(rng.uniform(12, 60 if size > 0.015 * unit else 260))):
        depth = rng.uniform(0, 1)
        x, y = int(rng.uniform(0, width)), int((horizon + (1 - horizon) * depth) * height)
        s = size * (0.35 + 0.9 * depth) * rng.lognormal(0, 0.4)
        if rings:
            flat = rng.uniform(0.2, 0.5)
            for k in range(int(rng.integers(1, 4))):
                axes = (int(s * (1 + 0.8 * k)) + 1, int(s * flat * (1 + 0.8 * k)) + 1)
                cv2.ellipse(light, (x, y), axes, 0, 0, 360, float(rng.uniform(0.15, 0.7)), 1, cv2.LINE_AA)
        for _ in range(int(rng.integers(2, 14))):
            angle, far = rng.uniform(0.15, 0.85) * np.pi, s * rng.uniform(0.3, 1.8)
            at = (int(x + np.cos(angle) * far), int(y - np.sin(angle) * far))
            if rng.random() < 0.4:
                cv2.line(light, (x, y), at, float(rng.uniform(0.3, 0.9)), 1, cv2.LINE_AA)
            cv2.circle(light, at, int(rng.uniform(0, max(1.0, 0.16 * s))), float(rng.uniform(0.4, 1)), -1, cv2.LINE_AA)
    light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.3, 1.3))
    shadow = np.roll(light, (2, 2), (0, 1))
    picture = picture * (1 - 0.4 * shadow[..., None])
    return over(picture, np.array([235, 238, 240], np.float32), (light * rng.uniform(0.5, 1.0)).clip(0, 1))


def drops_on_glass(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Drops on a window or on leaves: each shows the scene upside down, with a bright and a dark edge."""
    height, width = picture.shape[:2]
    unit = max(height, width)
    blurred = cv2.GaussianBlur(picture, (0, 0), unit * rng.uniform(0.003, 0.04))
    turned = cv2.GaussianBlur(picture[::-1], (0, 0), unit * 0.01)
    thickness = np.zeros((height, width), np.float32)
    radius = unit * np.exp(rng.uniform(np.log(0.006), np.log(0.03)))
    for _ in range(int(rng.uniform(40, 400) * min(1.5, 0.012 * unit / radius) + 25)):
        r = radius * rng.lognormal(-0.2, 0.6)
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        axes = (max(1, int(r)), max(1, int(r * rng.uniform(0.9, 1.5))))
        cv2.ellipse(thickness, centre, axes, 0, 0, 360, float(rng.uniform(0.6, 1)), -1, cv2.LINE_AA)
        if rng.random() < 0.08:  # one that ran down
            cv2.line(thickness, (centre[0], max(0, centre[1] - int(rng.uniform(2, 12) * r))), centre, 0.7, max(1, int(r)), cv2.LINE_AA)
    soft = cv2.GaussianBlur(thickness, (0, 0), max(0.6, 0.25 * radius))
    slope = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3) + 0.6 * cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3)
    inside = over(blurred, turned * rng.uniform(0.8, 1.3), soft.clip(0, 1) * rng.uniform(0.3, 0.9))
    shaded: np.ndarray = inside + slope[..., None] * rng.uniform(20, 90) * (1 if rng.random() < 0.7 else -1)
    shine = (np.roll(soft, (-max(1, int(0.4 * radius)),) * 2, (0, 1)) > 0.93) & (soft > 0.93)
    if rng.random() < 0.6:
        shaded = over(shaded, np.array([250, 250, 250], np.float32), cv2.GaussianBlur(shine.astype(np.float32), (0, 0), 0.8) * 0.6)
    return shaded


def rain_on(photo: np.ndarray, rng: Rng) -> np.ndarray:
    """The photo (H, W, 3) uint8 in the rain, or rain on the ground, or drops on a window through which it is seen."""
    picture: np.ndarray = photo.astype(np.float32)
    height, width = picture.shape[:2]
    kind = rng.random()
    if kind < 0.3:
        picture = streaks(grey_day(picture, rng), rng)
        if rng.random() < 0.4:
            picture = add_splashes(picture, rng)
    elif kind < 0.72:
        ground = wet_ground(height, width, rng)
        if rng.random() < 0.35:  # something is reflected
            seen = cv2.GaussianBlur(picture[::-1], (0, 0), max(height, width) * rng.uniform(0.005, 0.04))
            ground = over(ground, seen, np.full((height, width), rng.uniform(0.15, 0.6), np.float32))
        picture = add_splashes(ground, rng)
        if rng.random() < 0.6:
            picture = streaks(picture, rng)
    else:
        if rng.random() < 0.6:
            picture = grey_day(picture, rng)
        picture = drops_on_glass(picture, rng)
        if rng.random() < 0.15:
            picture = streaks(picture, rng)
    if rng.random() < 0.3:  # a short depth of field
        y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
        far = (np.abs(y - rng.uniform(0.3, 0.9)) * rng.uniform(1, 4) - 0.3).clip(0, 1) + np.zeros((1, width), np.float32)
        picture = over(picture, cv2.GaussianBlur(picture, (0, 0), max(height, width) * 0.012), far)
    return finished(picture)
