package android.widget

import android.content.Context
import android.graphics.Bitmap
import android.view.View
import android.view.ViewGroup

open class TextView(context: Context) : View(context) {
    var text: CharSequence = TODO()
    var textSize: Float = TODO()
}

class Button(context: Context) : TextView(context)

class EditText(context: Context) : TextView(context)

class ImageView(context: Context) : View(context) {
    enum class ScaleType { FIT_CENTER, CENTER_CROP }

    var scaleType: ScaleType = TODO()
    fun setImageBitmap(bitmap: Bitmap?): Unit = TODO()
}

class LinearLayout(context: Context) : ViewGroup(context) {
    var orientation: Int = TODO()

    class LayoutParams(width: Int, height: Int, weight: Float) : ViewGroup.LayoutParams()

    companion object {
        const val VERTICAL = 1
    }
}
