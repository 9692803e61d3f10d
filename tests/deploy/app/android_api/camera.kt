// Of CameraX 1.6, https://developer.android.com/reference/androidx/camera/core/package-summary.

package androidx.camera.core

import android.graphics.Bitmap
import java.util.concurrent.Executor

class CameraSelector {
    companion object {
        val DEFAULT_BACK_CAMERA: CameraSelector = TODO()
    }
}

abstract class UseCase

interface ImageInfo {
    val rotationDegrees: Int
}

interface ImageProxy : AutoCloseable {
    val imageInfo: ImageInfo
    fun toBitmap(): Bitmap
}

class Preview : UseCase() {
    interface SurfaceProvider

    class Builder {
        fun build(): Preview = TODO()
    }

    fun setSurfaceProvider(provider: SurfaceProvider?): Unit = TODO()
}

class ImageAnalysis : UseCase() {
    fun interface Analyzer {
        fun analyze(image: ImageProxy)
    }

    class Builder {
        fun setBackpressureStrategy(strategy: Int): Builder = TODO()
        fun build(): ImageAnalysis = TODO()
    }

    fun setAnalyzer(executor: Executor, analyzer: Analyzer): Unit = TODO()

    companion object {
        const val STRATEGY_KEEP_ONLY_LATEST = 0
    }
}
