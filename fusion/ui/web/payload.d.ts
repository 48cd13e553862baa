// The JSON that the scripts get with each answer. Made by `python -m fusion declarations` from `pages/fuse/shapes.py`.

/** Attention of the question on each token of the picture. */
export interface Asked {
  kind: "grid" | "seconds" | "characters" | "frames";
  places: number[][];
  /** One byte per token, see `serialize.shares`. */
  shares: string;
}

/** Attention of one strategy. */
export interface Attention {
  /** Only of the chosen strategy. */
  layouts?: Record<string, Places> | null;
  /** By "query>key". */
  pairs: Record<string, AttentionMaps>;
}

/** Attention between two modalities, (layers, heads, queries, keys). */
export interface AttentionMaps {
  layers: number;
  heads: number;
  queries: number;
  keys: number;
  /** One byte per number, see `serialize.shares`; only of the chosen strategy. */
  data?: string | null;
}

/** What only the views of the chosen strategy need. */
export interface Details {
  attention: Attention | null;
  place: Place | null;
}

/** The encoder of each modality, and which could. */
export interface EncoderChoice {
  choice: Record<string, string>;
  offers: Record<string, Offer[]>;
  sets: Record<string, Record<string, string>>;
}

/** A worked example. */
export interface ExampleShape {
  name: string;
  title: string;
  hint: string;
}

/** A sentence: a key of the page's texts, with values, see `explanation.py`. */
export interface ExplanationSentence {
  key: string;
  values: Record<string, unknown>;
}

/** A clip as it is shown. */
export interface Film {
  /** Data URLs. */
  frames: string[];
  times: number[];
  sound: boolean;
  width: number;
  height: number;
}

/** Grey levels from the smallest to the largest number. */
export interface Grey {
  width: number;
  height: number;
  /** One byte per number, frame after frame. */
  data: string;
}

/** What does not change while a task is open. */
export interface LabShape {
  task: TaskShape;
  device: string;
  precision: string;
  parameters: number;
  megabytes: number;
  modalities: string[];
  /** What each modality holds: image, text, audio or video. */
  kinds: Record<string, string>;
  labels: string[];
  strategies: StrategyShape[];
  /** Titles of strategies without weights here. */
  untrained: Sentence[];
  unavailable: Record<string, string>;
  examples: ExampleShape[];
  /** The default strategy. */
  first: string;
  encoder_choice: EncoderChoice | null;
}

/** Segmentation mask of the object, on the square that the encoder read. */
export interface Mask {
  side: number;
  /** side x side bytes, see `serialize.shares`. */
  data: string;
}

/** A block of the diagram. */
export interface ModalityBlock {
  name: string;
  present: boolean;
  tokens?: number | null;
  dim?: number | null;
}

/** An encoder that can be chosen. */
export interface Offer {
  name: string;
  title: string;
}

/** Belief, doubt and conflict of a strategy, shares in [0, 1]. */
export interface Opinion {
  /** By label; with the doubt they sum to 1. */
  belief: Record<string, number>;
  doubt: number;
  conflict: number;
  /** Doubt of each modality alone. */
  doubts: Record<string, number>;
  refuses: boolean;
}

/** The input of an encoder with its tokens. */
export interface Panel {
  kind: "grid" | "seconds" | "characters" | "frames";
  places: number[][];
  array: Grey | null;
  text: string | null;
  /** What the array covers of the medium. */
  extent: number[];
  /** One byte per token, see `serialize.shares`. */
  weights: string;
  norms: number[];
  embedding: number[];
  seconds: number;
  parameters: number;
}

/** A picture as it is shown. */
export interface Picture {
  /** Data URL. */
  url: string;
  width: number;
  height: number;
}

/** Localization by a strategy. */
export interface Place {
  /** Probability that it is there. */
  found: number;
  /** x0, y0, x1, y1 in [0, 1] of the picture. */
  box: number[] | null;
  /** Only of the chosen strategy. */
  mask?: Mask | null;
  /** Only of the chosen strategy. */
  asked?: Asked | null;
}

/** Where tokens lie, one row per token, see `fusion.types.Layout`. */
export interface Places {
  kind: "grid" | "seconds" | "characters" | "frames";
  places: number[][];
}

/** All that is drawn of one input; without an answer only `id`, `status` and maybe `lab`. */
export interface Result {
  id: number;
  status: Status;
  lab?: LabShape | null;
  labels?: string[] | null;
  strategies?: StrategyRow[] | null;
  /** Number of strategies per label, the majority first. */
  tally?: [string, number][] | null;
  /** How many strategies find the input out of distribution. */
  out_of_distribution?: number | null;
  modalities?: ModalityBlock[] | null;
  encode_seconds?: number | null;
  /** Name of each modality's medium, corruption and encoder. */
  marks?: Record<string, string> | null;
  /** Media that the browser does not hold. */
  media?: Record<string, Picture | Sound | Film | string> | null;
  /** Inputs and tokens of the encoders of these media. */
  encoder_views?: Record<string, Panel> | null;
  attention?: Record<string, Attention> | null;
  /** Name of the whole answer. */
  answer?: string | null;
  /** Of each modality whose sound is that of a clip, the clip. */
  soundtracks?: Record<string, string> | null;
}

/** A sentence of the server, which the page looks up in its language by the template; see `fusion.messages`. */
export interface Sentence {
  template: string;
  values: Record<string, unknown>;
}

/** Shapley values of the modalities for the probability of the answer. */
export interface Shapley {
  values: Record<string, number>;
  /** Probability without any modality, 1/K. */
  none: number;
  /** Share that only coalitions have; null with one modality. */
  interaction: number | null;
}

/** A sound as it is played. */
export interface Sound {
  /** 16-bit WAV in base64. */
  wav: string;
  /** Largest amplitude of each stretch, in [0, 1] of the loudest. */
  peaks: number[];
  seconds: number;
}

/** How it went: an answer with notes, or why there is none. */
export interface Status {
  kind: "ok" | "empty" | "error" | "untrained";
  notes?: Sentence[] | null;
  /** Key of the page's texts. */
  key?: string | null;
  /** A sentence of the server. */
  text?: Sentence | null;
}

/** The answer of one strategy. */
export interface StrategyRow {
  name: string;
  baseline: boolean;
  label: string;
  confidence: number;
  /** False if the input is out of distribution. */
  known: boolean | null;
  /** In the order of the labels. */
  probs: number[];
  /** Learned share of each modality. */
  weights: Record<string, number> | null;
  /** Change of the probability when that modality is left out. */
  contributions: Record<string, number>;
  shapley: Shapley;
  votes: Record<string, Vote> | null;
  /** Probabilities of the answers to further questions. */
  auxiliary: Record<string, Record<string, number>> | null;
  opinion: Opinion | null;
  place: Place | null;
  seconds: number;
  parameters: number;
  /** Whether most strategies give another label. */
  differs: boolean;
  explanation: ExplanationSentence[];
}

/** What a strategy is. */
export interface StrategyShape {
  name: string;
  baseline: boolean;
  /** The modality that a baseline reads. */
  only: string | null;
  parameters: number;
  title: string;
  idea: string;
  formula: string;
  paper: string;
  fuses: string;
  /** Messages: how its weights differ from the paper, what cutting its paths costs. */
  notes: Sentence[];
}

/** The open task. */
export interface TaskShape {
  name: string;
  interaction: "redundancy" | "synergy" | "alignment";
  /** The modality in which the task asks for a place. */
  places: string | null;
  /** Width of a drawn line, as a share of the pad. */
  pen: number;
  /** Whether what is asked for can be drawn. */
  draws: boolean;
}

/** The answer of a modality's own classifier. */
export interface Vote {
  label: string;
  confidence: number;
}
