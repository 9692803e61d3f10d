"""`mobile/android/`: a small app around a model, which Android Studio opens as it is."""

from suite.bundle.task import Task
from suite.deploy.app.app_model import AppModel

FOLDER = "android"
SOURCES = f"{FOLDER}/app/src/main"

# The method of the class in `Model.kt` that the app calls, by task; the others answer in numbers.
SHOWN = {
    Task.CLASSIFIER: "classify",
    Task.LOCALIZER: "locate",
    Task.DETECTOR: "detect",
    Task.SEGMENTER: "segment",
    Task.CAPTIONER: "describe",
    Task.TEXT_CLASSIFIER: "classify",
    Task.TAGGER: "tag",
    Task.TRANSLATOR: "translate",
    Task.LANGUAGE_MODEL: "continueText",
}
_TEMPLATES = {
    f"{FOLDER}/README.md": "android/README.md.j2",
    f"{FOLDER}/settings.gradle.kts": "android/settings.gradle.kts.j2",
    f"{FOLDER}/build.gradle.kts": "android/build.gradle.kts.j2",
    f"{FOLDER}/gradle.properties": "android/gradle.properties.j2",
    f"{FOLDER}/gradle/wrapper/gradle-wrapper.properties": "android/gradle-wrapper.properties.j2",
    f"{FOLDER}/app/build.gradle.kts": "android/app.gradle.kts.j2",
    f"{SOURCES}/AndroidManifest.xml": "android/AndroidManifest.xml.j2",
    f"{SOURCES}/kotlin/Model.kt": "kotlin.j2",
}


def android_files(model: AppModel) -> dict[str, str]:
    """The templates of the app by the file in `mobile/`; {} of a model whose answer is not for people.

    Args:
        model: What the app is about.
    """
    if model.task not in SHOWN or not (model.picture or model.takes_text):
        return {}
    activity = "android/camera.kt.j2" if model.picture else "android/text.kt.j2"
    return {**_TEMPLATES, f"{SOURCES}/kotlin/MainActivity.kt": activity}
