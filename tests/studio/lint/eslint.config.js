// What eslint asks of the page, beyond its recommended rules: nothing that turns text into HTML or code.
import js from "@eslint/js";
import globals from "globals";

const asHtml = ["innerHTML", "outerHTML", "insertAdjacentHTML", "write"].map((property) => ({ property, message: "Text stays text: use h()." }));

export default [
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: globals.browser },
    rules: {
      "max-lines": ["error", 250],
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-restricted-properties": ["error", ...asHtml],
      "no-unused-vars": "error",
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: "error",
    },
  },
];
