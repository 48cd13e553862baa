// The page's scripts share one scope (see fusion/ui/theme.py): each file is a function that runs at once and adds to FusionLab.
export default [
  {
    files: ["**/*.js"],
    languageOptions: {
      ecmaVersion: 2024,
      sourceType: "script",
      globals: Object.fromEntries(
        (
          "window document navigator location history performance console localStorage " +
          "setTimeout clearTimeout setInterval clearInterval queueMicrotask requestAnimationFrame " +
          "cancelAnimationFrame getComputedStyle matchMedia atob btoa URL URLSearchParams Blob File " +
          "Image Audio CustomEvent Event ResizeObserver IntersectionObserver MutationObserver " +
          "MediaRecorder MediaStream CSS innerWidth innerHeight Intl Path2D DOMMatrix DOMPoint fetch TEXT ENGLISH"
        )
          .split(" ")
          .map((name) => [name, "readonly"]),
      ),
    },
    rules: {
      "no-undef": "error",
      "no-var": "error",
      eqeqeq: "error",
      "no-implicit-globals": "error",
      "max-depth": ["error", 4],
      "no-unused-vars": ["error", { ignoreRestSiblings: true }],
      "prefer-const": "error",
      "no-shadow": "error",
      "no-nested-ternary": "error",
      complexity: ["error", 15],
    },
  },
];
