package android.graphics

class Matrix {
    fun postRotate(degrees: Float): Boolean = TODO()
}

class Bitmap private constructor() {
    val width: Int = TODO()
    val height: Int = TODO()
    fun getPixels(pixels: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int): Unit = TODO()

    companion object {
        fun createScaledBitmap(source: Bitmap, width: Int, height: Int, filter: Boolean): Bitmap = TODO()
        fun createBitmap(source: Bitmap, x: Int, y: Int, width: Int, height: Int, matrix: Matrix, filter: Boolean): Bitmap = TODO()
    }
}
