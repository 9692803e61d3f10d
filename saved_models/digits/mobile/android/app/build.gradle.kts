plugins {
    id("com.android.application")
}

// The files of the bundle are copied in when the app is built, so that there is one of each.
val copyModel = tasks.register<Copy>("copyModel") {
    from("../../../model_dynamic.tflite")
    from("../../../labels.txt")
    from("../../../model_personal.tflite")
    into(layout.buildDirectory.dir("model"))
}

android {
    namespace = "org.example.mlpkeras"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.example.mlpkeras"
        minSdk = 23
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    androidResources {
        noCompress += "tflite"  // it is mapped into memory
    }
    sourceSets.getByName("main").assets.srcDir(layout.buildDirectory.dir("model"))
}

tasks.named("preBuild") { dependsOn(copyModel) }

dependencies {
    implementation("androidx.activity:activity-ktx:1.10.1")
    implementation("androidx.core:core-ktx:1.16.0")
    implementation("androidx.camera:camera-camera2:1.6.2")
    implementation("androidx.camera:camera-lifecycle:1.6.2")
    implementation("androidx.camera:camera-view:1.6.2")
    implementation("com.google.ai.edge.litert:litert:2.3.0")
    implementation("com.google.ai.edge.litert:litert-gpu:2.3.0")
}
