"""Sentences this project wrote for the task `scenes`: templates for training, and a test set of its own.

The templates add what the caption sets lack: denials, words in another sense, short queries, other languages, rare classes.
`WRITTEN` was written by hand, is used for evaluation only, and half of it does not contain the class's word.
"""

from __future__ import annotations

import numpy as np

from fusion.tasks.scenes.sources import NONE
from fusion.tasks.scenes.task import LABELS

THINGS = {  # names in short queries, in a few languages
    "dog": "dog|puppy|hound|terrier|poodle|labrador|golden retriever|german shepherd|chihuahua|mutt|doggo|canine|beagle|bulldog|dachshund|husky|collie|boxer dog|rottweiler|spaniel|pug|corgi|greyhound|mastiff|setter|dalmatian|doberman|pit bull|guide dog|lapdog|狗|小狗|Hund|perro|chien",
    "cat": "cat|kitten|tabby|persian cat|siamese|kitty|tomcat|feline|ginger cat|stray cat|house cat|maine coon|alley cat|mouser|猫|小猫|Katze|gato|chat",
    "bird": "bird|songbird|sparrow|robin|parrot|pigeon|goose|duck|seagull|owl|eagle|finch|blackbird|stork|albatross|swan|heron|canary|crow|raven|hawk|falcon|pelican|flamingo|hummingbird|woodpecker|kingfisher|magpie|nightingale|dove|peacock|swallow|thrush|budgie|cockatoo|crane|puffin|鸟|小鸟|Vogel"
    "|pájaro|oiseau",
    "cow": "cow|bull|ox|calf|bison|cattle|heifer|dairy cow|buffalo|steer|yak|bovine|milk cow|jersey cow|牛|奶牛|Kuh|vaca|vache",
    "sheep": "sheep|lamb|ram|ewe|bighorn sheep|flock of sheep|mouton|woolly sheep|merino|black sheep|grazing flock|羊|绵羊|Schaf|oveja",
    "lion": "lion|lioness|lion cub|pride of lions|king of the jungle|king of beasts|african lion|maned lion|big cat of the savanna|mountain lion|狮子|Löwe|león",
    "frog": "frog|toad|bullfrog|tree frog|tadpole|amphibian|poison dart frog|green frog|cane toad|pond frog|青蛙|蛙|Frosch|rana|grenouille",
    "sea": "sea|ocean|seashore|beach|coast|surf|waves on the shore|seaside|tide|shoreline|seawater|bay|breakers|coastal cliffs|open water|sandy shore|lagoon|pacific ocean|海|大海|海浪|Meer|mar|mer|océano",
    "fire": "fire|flames|campfire|bonfire|candle|torch|fireplace|burning wood|blaze|embers|wildfire|inferno|hearth|burning house|forest fire|candle flame|stove fire|火|火焰|Feuer|fuego|feu",
    "clock": "clock|wall clock|stopwatch|wristwatch|alarm clock|watch|grandfather clock|ticking clock|pocket watch|timepiece|timer|chronometer|cuckoo clock|clock tower|digital clock|clock face|hourglass|pendulum clock|钟|时钟|Uhr|reloj|horloge",
    "rain": "rain|rainstorm|drizzle|downpour|umbrella|raindrops|rainy street|shower of rain|wet weather|monsoon|thunderstorm|cloudburst|rain shower|puddles in the rain|parasol in a storm|雨|下雨|Regen|lluvia|pluie",
}
SOUNDS = {  # descriptions of the sound
    "dog": "barking in the distance|a bark|woof woof|growling at the mailman|howling at night|something yaps at the postman|bow wow",
    "cat": "meow|purring on a lap|hissing and meowing|a long miaow at the door|purring softly",
    "bird": "chirping at dawn|tweeting in a tree|cooing on the roof|honking overhead in a V|singing from the hedge|tweet tweet|quacking on a pond",
    "cow": "mooing|a long moo in the field|lowing in the barn|moo|a herd lowing",
    "sheep": "baa baa|bleating on the hill|bleating flock|baa|a lamb calling for its mother",
    "lion": "a mighty roar on the savanna|roaring in the zoo|a deep roar of a big cat|a maned beast roars|roar of the king of beasts",
    "frog": "croaking by the pond|ribbit|croaking at night|a chorus of croaking in a swamp|ribbit ribbit",
    "sea": "waves crashing on rocks|waves rolling in|surf breaking on sand|water washing ashore|breakers on the coast",
    "fire": "crackling wood|logs crackling|wood burning and popping|crackling and popping of burning logs|flames crackling in the hearth",
    "clock": "tick tock|ticking on the wall|tick tick tick|steady ticking|a pendulum swings and ticks|hands moving to noon",
    "rain": "drops on the window|pattering on the roof|pouring down on the street|drops pattering on leaves|dripping from the gutters in a storm"
    "|people hurry with umbrellas",
}
FRAMES = (
    "{}", "a {}", "the {}", "a photo of a {}", "this is a {}", "picture of {}", "I see a {}", "there is a {} here", "look, a {}!",
    "what a lovely {}", "a {} outside", "a {} in the background", "close-up of a {}", "a small {}", "a big {}", "an old {}", "my {}",
    "I hear a {}", "the sound of a {}", "a {} with people talking", "video of a {}", "{} at night", "a {} in the morning", "one {}", "{}s",
    "two {}s", "he has a {}", "a man with a {} in the stadium", "she took a picture of the {}", "a {} on a hot day", "the {} is hot",
    "give me a {}", "where is the {}?", "it was a {}", "a man looks at a {}", "a {} on a plate", "a {} near the grill", "the best {} in town",
)  # fmt: skip
DENIALS = (
    "no {} in sight", "there is no {} here", "not a single {}", "a street without any {}", "there are no {}s", "it is not a {}",
    "I cannot see a {}", "nothing here looks like a {}", "the {} is gone", "no {} at all", "an empty room, no {}", "this isn't a {}",
    "never saw a {}", "neither a {} nor anything else", "we looked for the {} but it was not there", "nobody heard a {}",
)  # fmt: skip
SWITCHES = (
    "not a {} but a {}",
    "no {}, but there is a {}",
    "it is no {}, it is a {}",
    "I expected a {} and got a {}",
    "instead of a {} we found a {}",
)
ELSEWHERE = {  # the class's word for something else
    "dog": "a hot dog with mustard|I ate a hot dog|he eats a hotdog with onions|hot dogs on the grill|the hot dog vendor sells buns and sausages"
    "|she bites into her hot dog|hot dog for lunch|corn dogs at the fair|a dogfight between two planes|dog-eared pages of a book|dog tags on a chain"
    "|the dog days of summer|an underdog team",
    "cat": "a catwalk at a fashion show|a cat scan at the hospital|catfish on a plate|cattails by the road|the cat burglar was caught",
    "bird": "a bird's-eye view of the city|an early bird discount|a jailbird in a cell|a badminton birdie on the court|a bird bath of stone",
    "cow": "a cowboy on a horse|holy cow, what a goal|a cowbell in the orchestra|a coward ran away|cowgirl boots",
    "sheep": "a sheepish smile|a sheepskin coat|sheep's cheese on bread|counting sheep in bed",
    "lion": "the lion's share of the money|a lion dance costume|dandelions on the lawn|a sea lion at the zoo|a tiger in the grass",
    "frog": "a frog in my throat|children play leapfrog|a frogman diver|a frog costume",
    "sea": "a seafood restaurant|a sea of people|sea salt on fries|a seaplane engine|he is seasick",
    "fire": "a fire truck with a siren|a fire hydrant|a firefighter on a ladder|fireworks in the sky|he was fired from his job|gunfire"
    "|a fire alarm beeps|a fire extinguisher on the wall",
    "clock": "working around the clock|turn it clockwise|it is two o'clock|a man watches television|he watches the game",
    "rain": "a rain check for the game|a rainbow|yellow rain boots in a shop|a raincoat on a hook|take the train|it never rains in the desert",
}
OTHER_THINGS = (  # called by a class's word, and something else: in the same sentences as the classes
    "hot dog|hot dog|hotdog|hot dog bun|hot dog stand|hot dog with ketchup|corn dog|chili dog|dogfight|dog tag|watchdog report|catwalk|cat scan|catfish|cattail|cat burglar|bird's-eye view|badminton shuttle|jailbird|cowboy"
    "|cowgirl|cowbell|bull's-eye|bulldozer|sheepskin|lion dance|sea lion|dandelion|tiger|leapfrog|frogman|seafood platter|seaplane|sea of people"
    "|fire engine|fire truck|fire hydrant|firefighter|fireman|fire alarm|fire extinguisher|firework|gunshot|o'clock sign|television|rainbow|raincoat"
    "|rain boot|rain check|train|brain|scooter|weather report|quarter past two|two o'clock|three o'clock in the morning"
)
NOTHING = (
    "a bus in the street|a saxophone solo|people talking in a café|silence|white noise|a red car|a cup of coffee|a laptop on a desk|a plane takes off"
    "|a child laughs|music plays|a guitar|two men play football|a bowl of soup|a train arrives|an elephant|a horse gallops|a monkey in a tree"
    "|a pig in the mud|a spider|a goldfish|a rose|the moon|hello|good morning|what is this|I do not know|1234|asdf|nothing|a helicopter hovers"
    "|a baby cries|someone sneezes|a chainsaw|a door closes|typing on a keyboard|applause|a motorcycle passes|a butterfly on a flower|a mountain lake"
    "|snow on the mountains|a desert|a kitchen sink|a pizza|公共汽车|你好|音乐|ein Auto|un coche|une voiture"
)
WRITTEN = {  # measured only
    "dog": "A puppy runs after a stick.|Barking behind the garden gate.|Rex fetches the ball and wags his tail.|A labrador asleep on the rug.|our old beagle"
    "|The dog next door will not stop|a dog on a leash|wet dog shaking itself|Two dogs tug at a rope|man's best friend waits at the door",
    "cat": "A kitten chases a ball of wool.|Something purrs on my lap.|meowing for food at the door|whiskers, paws and a curled tail by the mouse hole"
    "|a tabby on the windowsill|the cat sleeps in a box|black cat on a fence|My cat ignores me|a fluffy persian cat|cats fighting on the roof",
    "bird": "Chirping from the treetop at sunrise.|A robin pulls a worm from the lawn.|feathers and a beak, perched on a twig|geese flying south"
    "|a parrot repeats everything|a bird feeds its young|birds on a wire|small yellow bird|an owl hoots at midnight|a nest full of hungry beaks",
    "cow": "A calf drinks from its mother.|mooing behind the barn|Cattle graze in the meadow.|a bull in the arena, horns lowered|being milked at five in the morning"
    "|a brown cow chews grass|cows cross the road|the cow looks at us|a bison herd on the prairie|an ox pulls the plough",
    "sheep": "A lamb skips through the grass.|bleating behind the fence|the shepherd counts his woolly flock|being shorn for its wool|a ram with curled horns"
    "|a sheep stands in the rain-free field|sheep on a green hill|black sheep of the flock|a flock of sheep blocks the lane|ewes with their young",
    "lion": "The king of beasts rests in the shade.|a mane blowing in the wind of the savanna|a lioness with her cubs|a deep roar over the savanna"
    "|a pride hunting zebras|a lion yawns|lions sleep under a tree|the lion in the zoo|male lion walking|the maned hunter of Africa roars",
    "frog": "A toad hops across the path.|croaking from the pond all night|ribbit, ribbit|tadpoles grow legs|green, slimy and sitting on a lily pad"
    "|a frog jumps into the water|frogs in the swamp|tiny tree frog|the frog catches a fly|a bullfrog in the reeds",
    "sea": "Waves roll onto the sand.|surfers wait beyond the breakers|the tide comes in|salt water as far as the eye can see|a day at the beach"
    "|the sea is calm|ocean view at sunset|waves crash against the cliffs|sailing on the open sea|a sandy shore with seashells",
    "fire": "Flames lick at the logs.|a candle flickers in the dark|we sat around the campfire|wood crackles in the hearth|the house is burning"
    "|the fire spreads|a fire in the fireplace|a torch lights the cave|a blaze in the woods|sparks and embers rise",
    "clock": "Tick tock, tick tock.|steady ticking from the wall|the hands point to noon|a stopwatch in the coach's hand|my wristwatch stopped"
    "|the clock strikes twelve|an alarm clock beside the bed|an old grandfather clock|the clock on the church tower|pendulum swinging to and fro",
    "rain": "Drops run down the window pane.|It is pouring outside.|people hurry past with umbrellas|a drizzle over the city|pattering on the tin roof"
    "|rain on the window|heavy rain falls|walking in the rain|a sudden downpour soaks everyone|splashing through puddles in a storm",
}
WRITTEN_NONE = (
    "No dog in sight.|a hot dog at the ball game|a fire engine races past|the cat is nowhere to be seen|a bird's-eye view of the town|a cowboy rides his horse"
    "|the lion's share of the profit|a frog in his throat|not a cloud, no rain|two o'clock in the afternoon|a seafood platter|a man plays the saxophone"
    "|a yellow school bus|people clap|he types on a keyboard|a bowl of fruit|a baby is crying|a helicopter lands|an empty room|a woman speaks to a crowd"
)


def make_phrase(label: int, rng: np.random.Generator) -> str:
    """A short query of a class, as it is named or heard, or one class denied and this one meant."""
    name = LABELS[label]
    kind = rng.random()
    if kind < 0.25:
        return _pick(SOUNDS[name], rng)
    if kind < 0.32:
        other = LABELS[int(rng.choice([k for k in range(len(LABELS)) if k != label]))]
        return str(rng.choice(SWITCHES)).format(_pick(THINGS[other], rng), _pick(THINGS[name], rng))
    return str(rng.choice(FRAMES)).format(_pick(THINGS[name], rng))


def make_nothing(rng: np.random.Generator) -> str:
    """A sentence of no class: a denial, a word in another sense, or something else altogether."""
    name = LABELS[int(rng.integers(len(LABELS)))]
    kind = rng.random()
    if kind < 0.4:
        return str(rng.choice(DENIALS)).format(_pick(THINGS[name], rng))
    if kind < 0.7:
        return str(rng.choice(FRAMES)).format(_pick(OTHER_THINGS, rng))
    return _pick(ELSEWHERE[name], rng) if kind < 0.85 else _pick(NOTHING, rng)


def prototypes() -> tuple[list[list[str]], list[str]]:
    """English phrases of each class, and phrases of none, with which a sentence is compared in the teacher's embedding space."""
    phrases = [[f"a {t}" for t in THINGS[name].split("|") if t.isascii()] + SOUNDS[name].split("|") for name in LABELS]
    return phrases, [t for t in NOTHING.split("|") if t.isascii()] + [t for name in LABELS for t in ELSEWHERE[name].split("|")]


def written() -> list[tuple[str, int]]:
    """The project's own test sentences with their classes."""
    pairs = [(text, k) for k, name in enumerate(LABELS) for text in WRITTEN[name].split("|")]
    return pairs + [(text, NONE) for text in WRITTEN_NONE.split("|")]


def _pick(choices: str, rng: np.random.Generator) -> str:
    return str(rng.choice(choices.split("|")))
