package android.graphics

class Matrix {
    fun postRotate(degrees: Float): Boolean = TODO()
}

class Rect(left: Int, top: Int, right: Int, bottom: Int)

class Color {
    companion object {
        const val WHITE = -1
    }
}

class Paint(flags: Int) {
    enum class Style { FILL, STROKE, FILL_AND_STROKE }

    var color: Int = TODO()
    var style: Style = TODO()
    var strokeWidth: Float = TODO()
    var textSize: Float = TODO()
    fun measureText(text: String): Float = TODO()

    companion object {
        const val ANTI_ALIAS_FLAG = 1
        const val FILTER_BITMAP_FLAG = 2
    }
}

class Canvas(bitmap: Bitmap) {
    fun drawRect(left: Float, top: Float, right: Float, bottom: Float, paint: Paint): Unit = TODO()
    fun drawText(text: String, x: Float, y: Float, paint: Paint): Unit = TODO()
    fun drawBitmap(bitmap: Bitmap, src: Rect?, dst: Rect, paint: Paint?): Unit = TODO()
}

class Bitmap private constructor() {
    enum class Config { ALPHA_8, ARGB_8888 }

    val width: Int = TODO()
    val height: Int = TODO()
    fun getPixels(pixels: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int): Unit = TODO()

    fun copy(config: Config, isMutable: Boolean): Bitmap = TODO()

    companion object {
        fun createBitmap(colors: IntArray, width: Int, height: Int, config: Config): Bitmap = TODO()
        fun createScaledBitmap(source: Bitmap, width: Int, height: Int, filter: Boolean): Bitmap = TODO()
        fun createBitmap(source: Bitmap, x: Int, y: Int, width: Int, height: Int, matrix: Matrix, filter: Boolean): Bitmap = TODO()
    }
}
