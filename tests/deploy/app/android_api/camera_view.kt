package androidx.camera.view

import android.content.Context
import android.view.ViewGroup
import androidx.camera.core.Preview

class PreviewView(context: Context) : ViewGroup(context) {
    enum class ScaleType { FIT_CENTER, FILL_CENTER }

    var scaleType: ScaleType = TODO()
    val surfaceProvider: Preview.SurfaceProvider = TODO()
}
