package android.view

import android.content.Context

open class View(val context: Context) {
    var fitsSystemWindows = false
    fun setPadding(left: Int, top: Int, right: Int, bottom: Int): Unit = TODO()
    fun setOnClickListener(listener: OnClickListener): Unit = TODO()

    fun interface OnClickListener {
        fun onClick(view: View)
    }
}

open class ViewGroup(context: Context) : View(context) {
    fun addView(child: View): Unit = TODO()
    fun addView(child: View, params: LayoutParams): Unit = TODO()

    open class LayoutParams {
        companion object {
            const val MATCH_PARENT = -1
        }
    }
}
