// Rules for the page of `suite preview`; the code for apps is written by templates, and run by tests.
import css from "@eslint/css";
import js from "@eslint/js";
import globals from "globals";

export default [
    { ignores: ["**/node_modules/", ".venv*/", "saved_models/", "build/"] },
    { files: ["**/*.{js,mjs}"], ...js.configs.recommended, languageOptions: { globals: globals.browser } },
    {
        files: ["**/*.css"],
        language: "css/css",
        plugins: { css },
        rules: {
            ...css.configs.recommended.rules,
            "css/no-important": "off", // what has the attribute hidden is hidden, whatever else is said of it
            // Where these are missing, the page is less convenient and works.
            "css/use-baseline": ["error", { allowProperties: ["accent-color", "resize"] }],
        },
    },
];
